#include "engine/oci/url.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace espalier::oci {

Url RegistryUrl(absl::string_view registry) {
  Url url{"https", absl::AsciiStrToLower(registry), "/"};
  if (IsLoopbackHost(url.Host())) url.scheme = "http";
  return url;
}

bool MayFollow(const Url& registry, const Url& to) {
  const std::string host = to.Host();
  if (IsLoopbackHost(registry.Host())) return to.scheme == "https" || IsLoopbackHost(host);
  return to.scheme == "https" && !IsLoopbackHost(host) && !absl::StartsWith(host, "169.254.") &&
         !absl::StartsWith(host, "fe80:") && host != "0.0.0.0" && host != "::";
}

}  // namespace espalier::oci
