// ResolveSecret: from where a SecretRef points to the secret itself, in the process that uses it.
// The result is never logged, stored or put into an error. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/io.h"
#include "espalier/v1/metadata.pb.h"

namespace espalier {

// Looks up an environment variable; main.cc wraps getenv, tests bring a map.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Asks the engine for the value that it keeps under a seal.
using Reveal = std::function<absl::StatusOr<std::string>(const std::string& sealed)>;

// The secret that `ref` names: the bytes of a file below `secrets_dir` without the line end that
// editors add, a variable of the environment, or what the engine keeps. FAILED_PRECONDITION: the
// process has no secrets directory or no `reveal`, or the secret is empty; NOT_FOUND: no such file
// or variable; INVALID_ARGUMENT: the reference is none of these, or would leave the directory;
// RESOURCE_EXHAUSTED above limits::kSecretBytes; what `reveal` says. Messages name the reference,
// never the secret.
absl::StatusOr<std::string> ResolveSecret(const v1::SecretRef& ref, Io& io,
                                          const std::string& secrets_dir, const Environment& env,
                                          const Reveal& reveal = nullptr);

// Whether `path` is relative and stays below where it starts: parts of [A-Za-z0-9._-], none empty
// and none beginning with a dot.
bool IsSecretPath(absl::string_view path);

}  // namespace espalier
