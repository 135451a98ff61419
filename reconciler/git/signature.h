// SSH signatures as `git commit -S` makes them with gpg.format=ssh (PROTOCOL.sshsig of OpenSSH),
// and the public keys that they are checked against. Pure: bytes in, a verdict out. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

// What stands in a signature. Nothing of it is believed before VerifySshSignature.
struct SshSignature {
  // As it is on the wire; the same bytes that ParseSshPublicKey gives.
  std::string public_key;
  // What the signature was made for: "git".
  std::string purpose;
  std::string reserved;
  // With which the message was hashed: "sha256" or "sha512".
  std::string hash;
  // "ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", ...
  std::string algorithm;
  std::string bytes;
  // Of a key that lives in a token (sk-...): whether somebody touched it, and its count.
  std::uint8_t flags = 0;
  std::uint32_t counter = 0;
};

// From its armour. INVALID_ARGUMENT: it is none, or one with anything beside what belongs there.
absl::StatusOr<SshSignature> ParseSshSignature(absl::string_view armoured);

// The wire form of a key from a line "ssh-ed25519 AAAA... comment". INVALID_ARGUMENT: it is none,
// or one that does not count: DSA, RSA below 2048 bits, a point that is not on its curve.
absl::StatusOr<std::string> ParseSshPublicKey(absl::string_view line);

// OK if the holder of the signature's own public key signed exactly these bytes for git. Whether
// that key counts is for the caller to know. PERMISSION_DENIED with the reason otherwise.
absl::Status VerifySshSignature(const SshSignature& signature, absl::string_view message);

// "SHA256:..." of a public key's wire form, as ssh-keygen -l shows it.
std::string SshFingerprint(absl::string_view public_key);

}  // namespace espalier
