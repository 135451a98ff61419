#include "engine/base/url.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("malformed URL: ", why));
}

std::string WithoutDefaultPort(const Url& url) {
  absl::string_view authority = url.authority;
  absl::ConsumeSuffix(&authority, url.scheme == "https" ? ":443" : ":80");
  return std::string(authority);
}

std::string Escape(absl::string_view text, absl::string_view plain) {
  std::string escaped;
  for (const unsigned char c : text) {
    if (absl::ascii_isalnum(c) || plain.find(c) != absl::string_view::npos) {
      escaped += static_cast<char>(c);
    } else {
      absl::StrAppendFormat(&escaped, "%%%02X", c);
    }
  }
  return escaped;
}

}  // namespace

std::string Url::ToString() const { return absl::StrCat(scheme, "://", authority, target); }

bool Url::SameOrigin(const Url& other) const {
  return scheme == other.scheme && WithoutDefaultPort(*this) == WithoutDefaultPort(other);
}

std::string Url::Host() const {
  if (absl::StartsWith(authority, "[")) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.find(':'));
}

absl::StatusOr<Url> ParseUrl(absl::string_view text) {
  for (const unsigned char c : text) {
    if (c <= ' ' || c >= 0x7f) return Malformed("it holds spaces or control characters");
  }
  Url url;
  const std::size_t colon = text.find("://");
  if (colon == absl::string_view::npos) return Malformed("it has no scheme");
  url.scheme = absl::AsciiStrToLower(text.substr(0, colon));
  if (url.scheme != "https" && url.scheme != "http") return Malformed("neither https nor http");
  absl::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t end = rest.find_first_of("/?\\");
  url.authority = absl::AsciiStrToLower(rest.substr(0, end));
  if (url.authority.empty() || absl::StrContains(url.authority, '@')) {
    return Malformed("it has no host, or a user name");
  }
  rest = end == absl::string_view::npos ? "" : rest.substr(end);
  if (absl::StrContains(rest.substr(0, rest.find('?')), '\\')) return Malformed("a backslash");
  url.target = absl::StartsWith(rest, "/") ? std::string(rest) : absl::StrCat("/", rest);
  return url;
}

absl::StatusOr<Url> ResolveUrl(const Url& base, absl::string_view location) {
  if (location.empty()) return Malformed("empty");
  if (absl::StartsWith(location, "//")) return ParseUrl(absl::StrCat(base.scheme, ":", location));
  if (absl::StrContains(location.substr(0, location.find('?')), "://")) return ParseUrl(location);
  const std::string origin = absl::StrCat(base.scheme, "://", base.authority);
  if (location[0] == '/') return ParseUrl(absl::StrCat(origin, location));
  const std::string path = base.target.substr(0, base.target.find('?'));
  if (location[0] == '?') return ParseUrl(absl::StrCat(origin, path, location));
  return ParseUrl(absl::StrCat(origin, path.substr(0, path.rfind('/') + 1), location));
}

bool IsLoopbackHost(absl::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  // An address, not a name that begins like one: "127.0.0.1.example" is somebody's machine.
  return absl::StartsWith(host, "127.") &&
         host.find_first_not_of("0123456789.") == absl::string_view::npos;
}

std::string QueryEscape(absl::string_view text) { return Escape(text, "-._~:/"); }

std::string PathEscape(absl::string_view text) { return Escape(text, "-._~"); }

}  // namespace espalier
