#include "engine/model/secret.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

absl::StatusOr<std::string> FromFile(const std::string& file, Io& io,
                                     const std::string& secrets_dir) {
  // Checked again here although the field's pattern says the same: this is the line that keeps a
  // declaration from reading the machine's files.
  if (!IsSecretPath(file)) {
    return absl::InvalidArgumentError(
        absl::StrCat("secret file \"", file, "\" is not a path below the secrets directory"));
  }
  if (secrets_dir.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "secret file ", file, " cannot be read: this process was started without --secrets-dir"));
  }
  absl::StatusOr<std::string> bytes =
      io.ReadFile(absl::StrCat(secrets_dir, "/", file), limits::kSecretBytes);
  if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat("reading secret file ", file));
  absl::string_view text = *bytes;
  if (absl::ConsumeSuffix(&text, "\n")) absl::ConsumeSuffix(&text, "\r");
  if (text.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("secret file ", file, " is empty"));
  }
  return std::string(text);
}

absl::StatusOr<std::string> FromEnvironment(const std::string& name, const Environment& env) {
  std::optional<std::string> value = env ? env(name) : std::nullopt;
  if (!value.has_value()) {
    return absl::NotFoundError(absl::StrCat("environment variable ", name, " is not set"));
  }
  if (value->empty()) {
    return absl::FailedPreconditionError(absl::StrCat("environment variable ", name, " is empty"));
  }
  return *std::move(value);
}

absl::StatusOr<std::string> FromEngine(const std::string& sealed, const Reveal& reveal) {
  if (!reveal) {
    return absl::FailedPreconditionError(
        "the secret is kept by the engine, which this process does not ask for secrets");
  }
  absl::StatusOr<std::string> value = reveal(sealed);
  if (!value.ok())
    return Annotate(value.status(), "asking the engine for the secret that it keeps");
  return value;
}

}  // namespace

bool IsSecretPath(absl::string_view path) {
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part.front() == '.') return false;
    for (char c : part) {
      if (!absl::ascii_isalnum(c) && c != '.' && c != '_' && c != '-') return false;
    }
  }
  return true;
}

absl::StatusOr<std::string> ResolveSecret(const v1::SecretRef& ref, Io& io,
                                          const std::string& secrets_dir, const Environment& env,
                                          const Reveal& reveal) {
  if (int{ref.has_file()} + int{ref.has_env()} + int{ref.has_sealed()} != 1) {
    return absl::InvalidArgumentError(
        "a secret is given by exactly one of file, env and what the engine keeps");
  }
  if (ref.has_file()) return FromFile(ref.file(), io, secrets_dir);
  if (ref.has_env()) return FromEnvironment(ref.env(), env);
  return FromEngine(ref.sealed(), reveal);
}

}  // namespace espalier
