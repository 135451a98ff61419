// The cryptography of SSH signatures, through OpenSSL: which keys there are and whether one of them
// made a signature. Ed25519, ECDSA over the three NIST curves, RSA with SHA-2, and the first two in
// a token (sk-). Thread-safe.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reconciler/git/signature.h"

namespace espalier {

// INVALID_ARGUMENT: not the wire form of a key that counts (see ParseSshPublicKey).
absl::Status CheckSshKey(absl::string_view public_key);

// "sha256" or "sha512" of the message. PERMISSION_DENIED: another hash.
absl::StatusOr<std::string> SshHash(absl::string_view name, absl::string_view message);

// OK if the signature's key signed `text`. PERMISSION_DENIED otherwise.
absl::Status VerifyWithSshKey(const SshSignature& signature, absl::string_view text);

}  // namespace espalier
