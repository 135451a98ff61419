// What a GitSource may point at: an absolute path, an http(s) or an ssh URL, and a branch or full
// ref; and the proxy on the way there. All of it
// comes from a declaration and ends in programs with a history of parsing too much, so it is read
// here first, by narrow rules. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

struct RepositoryUrl {
  enum class Transport { kPath, kHttp, kHttps, kSsh };
  Transport transport = Transport::kPath;
  // As it was written.
  std::string text;
  // "forge.example:8443"; empty for a path.
  std::string authority;

  // Of ssh alone. Nothing in these three means anything to a shell or begins like an option.
  std::string user;
  std::string host;
  // "/team/fleet.git", or "~ana/fleet.git" below somebody's home.
  std::string path;
  std::uint16_t port = 22;
};

// INVALID_ARGUMENT for everything else: other schemes (ext::, git, file), user information in an
// http(s) URL and a password in any (the message leaves them out), control characters, spaces,
// "..", an empty host; for ssh whatever lies outside of [A-Za-z0-9._~/-].
absl::StatusOr<RepositoryUrl> ParseRepositoryUrl(absl::string_view text);

// Whether a password may be sent there, through that proxy (may be empty): over TLS, or to this
// machine.
absl::Status CheckMayCarryPassword(const RepositoryUrl& url, absl::string_view proxy);

// "http://host:port", and the same with https, socks5 and socks5h. INVALID_ARGUMENT for everything
// else; user information is left out of the message.
absl::Status CheckProxyUrl(absl::string_view url);

// "main" -> "refs/heads/main"; a full ref stays. INVALID_ARGUMENT for what git itself would refuse
// as the name of a ref.
absl::StatusOr<std::string> FullRef(absl::string_view ref);

}  // namespace espalier
