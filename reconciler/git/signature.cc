#include "reconciler/git/signature.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "reconciler/git/git_limits.h"
#include "reconciler/git/ssh_key.h"
#include "reconciler/git/ssh_wire.h"

namespace espalier {
namespace {

constexpr char kMagic[] = "SSHSIG";
constexpr char kPurpose[] = "git";
constexpr char kBegin[] = "-----BEGIN SSH SIGNATURE-----\n";
constexpr char kEnd[] = "-----END SSH SIGNATURE-----";

absl::Status Malformed() {
  return absl::InvalidArgumentError("the signature is not a whole SSH signature");
}

// Strict: what is written in more than one way could be two signatures in one.
absl::StatusOr<std::string> Base64(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text) {
    return absl::InvalidArgumentError("it is not in base64");
  }
  return bytes;
}

}  // namespace

absl::StatusOr<SshSignature> ParseSshSignature(absl::string_view armoured) {
  if (armoured.size() > limits::kSignatureBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signature is longer than ", limits::kSignatureBytes, " bytes"));
  }
  absl::string_view text = absl::StripSuffix(armoured, "\n");
  if (!absl::ConsumePrefix(&text, kBegin) || !absl::ConsumeSuffix(&text, kEnd)) {
    return absl::InvalidArgumentError("the signature is not an SSH signature");
  }
  const absl::StatusOr<std::string> bytes = Base64(absl::StrReplaceAll(text, {{"\n", ""}}));
  if (!bytes.ok()) return Malformed();
  SshReader reader(*bytes);
  const bool known = reader.Bytes(6) == kMagic && reader.Number() == 1;
  SshSignature signature;
  signature.public_key = std::string(reader.Text());
  signature.purpose = std::string(reader.Text());
  signature.reserved = std::string(reader.Text());
  signature.hash = std::string(reader.Text());
  SshReader inner(reader.Text());
  signature.algorithm = std::string(inner.Text());
  signature.bytes = std::string(inner.Text());
  if (absl::StartsWith(signature.algorithm, "sk-")) {
    const absl::string_view flags = inner.Bytes(1);
    if (!flags.empty()) signature.flags = static_cast<std::uint8_t>(flags.front());
    signature.counter = inner.Number();
  }
  if (!known || !reader.AtEnd() || !inner.AtEnd()) return Malformed();
  return signature;
}

absl::StatusOr<std::string> ParseSshPublicKey(absl::string_view line) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripAsciiWhitespace(line), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() < 2) {
    return absl::InvalidArgumentError("not a line \"ssh-ed25519 AAAA...\"");
  }
  ESPALIER_ASSIGN_OR_RETURN(std::string key, Base64(words[1]));
  SshReader reader(key);
  if (reader.Text() != words[0]) {
    return absl::InvalidArgumentError("the key is not of the type that the line names");
  }
  ESPALIER_RETURN_IF_ERROR(CheckSshKey(key));
  return key;
}

absl::Status VerifySshSignature(const SshSignature& signature, absl::string_view message) {
  if (signature.purpose != kPurpose) {
    return absl::PermissionDeniedError("its signature was not made for git");
  }
  const absl::StatusOr<std::string> digest = SshHash(signature.hash, message);
  if (!digest.ok()) return digest.status();
  std::string text = kMagic;
  AppendSshText(signature.purpose, text);
  AppendSshText(signature.reserved, text);
  AppendSshText(signature.hash, text);
  AppendSshText(*digest, text);
  return VerifyWithSshKey(signature, text);
}

std::string SshFingerprint(absl::string_view public_key) {
  const absl::StatusOr<std::string> digest = SshHash("sha256", public_key);
  return absl::StrCat("SHA256:", absl::StripSuffix(absl::Base64Escape(digest.value_or("")), "="));
}

}  // namespace espalier
