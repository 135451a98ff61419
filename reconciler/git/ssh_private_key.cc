#include "reconciler/git/ssh_private_key.h"

#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "reconciler/git/ssh_wire.h"

namespace espalier {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr absl::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr absl::string_view kMagic("openssh-key-v1\0", 15);
constexpr char kAdvice[] = "make one with: ssh-keygen -t ed25519 -N '' -f key";

absl::Status Wrong(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("the ssh key ", why, "; ", kAdvice));
}

}  // namespace

absl::Status CheckSshPrivateKey(absl::string_view pem) {
  pem = absl::StripAsciiWhitespace(pem);
  if (!absl::ConsumePrefix(&pem, kBegin) || !absl::ConsumeSuffix(&pem, kEnd)) {
    return Wrong(absl::StrContains(pem, "PRIVATE KEY") ? "is not in OpenSSH's form"
                                                       : "is no private key");
  }
  std::string bytes;
  if (!absl::Base64Unescape(pem, &bytes)) return Wrong("is damaged");
  absl::string_view rest = bytes;
  if (!absl::ConsumePrefix(&rest, kMagic)) return Wrong("is damaged");
  SshReader reader(rest);
  const absl::string_view cipher = reader.Text();
  reader.Text();  // how the passphrase becomes a key
  reader.Text();
  const std::uint32_t keys = reader.Number();
  const absl::string_view type = SshReader(reader.Text()).Text();
  if (!reader.ok() || type.empty()) return Wrong("is damaged");
  if (keys != 1) return Wrong("holds several keys");
  if (cipher != "none") return Wrong("has a passphrase, which nobody is there to type");
  if (type == "ssh-ed25519" || absl::StartsWith(type, "ecdsa-sha2-")) return absl::OkStatus();
  if (type == "ssh-rsa") {
    return Wrong(
        "is an RSA key: many servers refuse its old signatures, and not every ssh makes new "
        "ones");
  }
  // Hardware keys want a finger on them; others are too old.
  return Wrong("is of a kind that cannot be used here");
}

}  // namespace espalier
