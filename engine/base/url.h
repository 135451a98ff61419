// Just enough of URLs to build them and to follow a server's links safely. Pure; any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

struct Url {
  // "https" or "http".
  std::string scheme;
  // "host" or "host:port", lower case.
  std::string authority;
  // From the first slash on, with the query, without a fragment; at least "/".
  std::string target;

  std::string ToString() const;
  // Same scheme, host and port: who may see what is meant for the other.
  bool SameOrigin(const Url& other) const;
  // Without port and brackets.
  std::string Host() const;
};

// INVALID_ARGUMENT for other schemes, for user names, control characters and spaces.
absl::StatusOr<Url> ParseUrl(absl::string_view text);

// A Location header, or a link: absolute, or relative to `base`.
absl::StatusOr<Url> ResolveUrl(const Url& base, absl::string_view location);

// "localhost", 127.x.x.x, ::1.
bool IsLoopbackHost(absl::string_view host);

// Escaped for a query; slashes and colons stay.
std::string QueryEscape(absl::string_view text);

// Escaped as one part of a path, or as a value of a query: slashes too.
std::string PathEscape(absl::string_view text);

}  // namespace espalier
