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
  return absl::InvalidArgumentError(
      "the repository is neither an absolute path nor an http(s) URL");
}

absl::Status CheckMayCarryPassword(const RepositoryUrl& url) {
  if (url.transport != RepositoryUrl::Transport::kHttp) return absl::OkStatus();
  absl::string_view host = url.authority;
  if (absl::ConsumePrefix(&host, "[")) {
    host = host.substr(0, host.find(']'));
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (IsLoopback(host)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("a password is not sent to ", url.authority, " without TLS; use https"));
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
