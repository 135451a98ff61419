#include "reconciler/git/repository_url.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/address.h"

namespace espalier {
namespace {

bool HasOddCharacter(absl::string_view text) {
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F || c == '\\' || c == '"' || c == '\'' || c == '`') return true;
  }
  return false;
}

bool HasDotDot(absl::string_view path) {
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (part == "..") return true;
  }
  return false;
}

bool IsHost(absl::string_view host) {
  if (host.empty() || host.front() == '-') return false;
  for (const char c : host) {
    const bool plain = absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
    if (!plain && c != ':' && c != '[' && c != ']') return false;
  }
  return true;
}

absl::StatusOr<RepositoryUrl> ParseHttp(absl::string_view text, absl::string_view rest,
                                        RepositoryUrl::Transport transport) {
  const absl::string_view authority = rest.substr(0, rest.find('/'));
  // Not repeated in the message: it is most likely a token.
  if (absl::StrContains(authority, "@")) {
    return absl::InvalidArgumentError(
        "the repository's URL contains a user name or password; use username and password");
  }
  if (!IsHost(authority)) {
    return absl::InvalidArgumentError("the repository's URL names no valid host");
  }
  const absl::string_view path = rest.substr(authority.size());
  if (path.size() < 2 || HasDotDot(path) || absl::StrContains(path, "?") ||
      absl::StrContains(path, "#")) {
    return absl::InvalidArgumentError(
        "the repository's URL needs a path without \"..\", query or fragment");
  }
  return RepositoryUrl{
      .transport = transport, .text = std::string(text), .authority = std::string(authority)};
}

// Names and paths that no program on the way can take for something else.
bool IsPlain(absl::string_view text, absl::string_view more) {
  if (text.empty() || text.front() == '-') return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && !absl::StrContains(more, c)) return false;
  }
  return true;
}

absl::StatusOr<RepositoryUrl> ParseSsh(absl::string_view text, absl::string_view rest) {
  RepositoryUrl url = {.transport = RepositoryUrl::Transport::kSsh, .text = std::string(text)};
  absl::string_view authority = rest.substr(0, rest.find('/'));
  absl::string_view path = rest.substr(authority.size());
  const std::size_t at = authority.rfind('@');
  if (at == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "the repository's ssh URL names no user (ssh://git@host/path)");
  }
  const absl::string_view user = authority.substr(0, at);
  // Not repeated in the message, as above.
  if (absl::StrContains(user, ":")) {
    return absl::InvalidArgumentError("the repository's URL contains a password; use ssh");
  }
  authority.remove_prefix(at + 1);
  if (!absl::StrContains(authority, ":")) {
    url.host = std::string(authority);
  } else if (absl::StatusOr<Address> address = ParseAddress(authority);
             address.ok() && address->port != 0) {
    url.host = address->host;
    url.port = address->port;
  }
  const bool is_ipv6 = absl::StrContains(url.host, ":");
  if (!IsPlain(user, "._-") || !IsPlain(url.host, is_ipv6 ? ":" : ".-")) {
    return absl::InvalidArgumentError(
        "the repository's ssh URL names no valid user, host and port");
  }
  if (absl::StartsWith(path, "/~")) path.remove_prefix(1);
  if (path.size() < 2 || !IsPlain(path, "._~/-") || HasDotDot(path)) {
    return absl::InvalidArgumentError(
        "the repository's ssh URL needs a path of letters, digits and \"._~/-\", without \"..\"");
  }
  url.authority = std::string(authority);
  url.user = std::string(user);
  url.path = std::string(path);
  return url;
}

// The host of "host", "host:port", "[::1]:port".
absl::string_view HostOf(absl::string_view authority) {
  if (absl::ConsumePrefix(&authority, "[")) return authority.substr(0, authority.find(']'));
  return authority.substr(0, authority.find(':'));
}

}  // namespace

absl::StatusOr<RepositoryUrl> ParseRepositoryUrl(absl::string_view text) {
  if (HasOddCharacter(text)) {
    return absl::InvalidArgumentError(
        "the repository contains a space, quote, backslash or control character");
  }
  if (absl::StartsWith(text, "/")) {
    if (HasDotDot(text)) return absl::InvalidArgumentError("the repository's path contains \"..\"");
    return RepositoryUrl{.transport = RepositoryUrl::Transport::kPath, .text = std::string(text)};
  }
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "https://")) {
    return ParseHttp(text, rest, RepositoryUrl::Transport::kHttps);
  }
  if (absl::ConsumePrefix(&rest, "http://")) {
    return ParseHttp(text, rest, RepositoryUrl::Transport::kHttp);
  }
  if (absl::ConsumePrefix(&rest, "ssh://")) return ParseSsh(text, rest);
  return absl::InvalidArgumentError(
      "the repository is neither an absolute path nor an http(s) or ssh URL");
}

absl::Status CheckMayCarryPassword(const RepositoryUrl& url, absl::string_view proxy) {
  if (url.transport != RepositoryUrl::Transport::kHttp) return absl::OkStatus();
  if (!IsLoopback(HostOf(url.authority))) {
    return absl::FailedPreconditionError(
        absl::StrCat("a password is not sent to ", url.authority, " without TLS; use https"));
  }
  if (proxy.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "a password is not sent through a proxy without TLS; use https");
}

absl::Status CheckProxyUrl(absl::string_view url) {
  const std::size_t scheme_end = url.find("://");
  const absl::string_view scheme = url.substr(0, scheme_end);
  const absl::string_view authority =
      scheme_end == absl::string_view::npos ? "" : url.substr(scheme_end + 3);
  if (absl::StrContains(url, "@")) {
    return absl::InvalidArgumentError(
        "the proxy's URL contains a user name or password; use username and password");
  }
  const absl::StatusOr<Address> address = ParseAddress(absl::StripSuffix(authority, "/"));
  const bool known =
      scheme == "http" || scheme == "https" || scheme == "socks5" || scheme == "socks5h";
  if (known && !HasOddCharacter(url) && address.ok() && address->port != 0 &&
      IsHost(address->host)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the proxy's URL is none of http://, https://, socks5:// and socks5h:// with host and port");
}

absl::StatusOr<std::string> FullRef(absl::string_view ref) {
  const std::string full =
      absl::StartsWith(ref, "refs/") ? std::string(ref) : absl::StrCat("refs/heads/", ref);
  bool valid = !ref.empty() && ref.front() != '-' && full.size() <= 255 && !HasOddCharacter(full) &&
               !absl::StrContains(full, "..") && !absl::StrContains(full, "@{") &&
               full.find_first_of("~^:?*[") == std::string::npos;
  for (absl::string_view part : absl::StrSplit(full, '/')) {
    if (part.empty() || part.front() == '.' || part.back() == '.' ||
        absl::EndsWith(part, ".lock")) {
      valid = false;
    }
  }
  if (!valid) {
    return absl::InvalidArgumentError("the ref is neither a branch nor a full ref name");
  }
  return full;
}

}  // namespace espalier
