// Just enough of URLs to follow a registry's links safely. Pure; any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::oci {

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

// The base of a registry: https, or http when it is on loopback.
Url RegistryUrl(absl::string_view registry);

// Whether a registry may send us there: only a registry on loopback leads to plain http, to
// loopback or to link-local addresses (where clouds keep their secrets).
bool MayFollow(const Url& registry, const Url& to);

// Escaped for a query.
std::string QueryEscape(absl::string_view text);

}  // namespace espalier::oci
