// What a GitSource may point at: an absolute path or an http(s) URL, and a branch or full ref. Both
// come from a declaration and end in a library with a history of parsing too much, so they are read
// here first, by narrow rules. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

struct RepositoryUrl {
  enum class Transport { kPath, kHttp, kHttps };
  Transport transport = Transport::kPath;
  // As it was written.
  std::string text;
  // "forge.example:8443"; empty for a path.
  std::string authority;
};

// INVALID_ARGUMENT for everything else: other schemes (ext::, ssh, git, file), user information in
// the URL (the message leaves it out), control characters, spaces, "..", an empty host.
absl::StatusOr<RepositoryUrl> ParseRepositoryUrl(absl::string_view text);

// Whether a password may be sent there: over TLS, or to this machine.
absl::Status CheckMayCarryPassword(const RepositoryUrl& url);

// "main" -> "refs/heads/main"; a full ref stays. INVALID_ARGUMENT for what git itself would refuse
// as the name of a ref.
absl::StatusOr<std::string> FullRef(absl::string_view ref);

}  // namespace espalier
