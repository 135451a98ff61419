#include "engine/oci/reference.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/oci/digest.h"

namespace espalier::oci {
namespace {

// The distribution specification's bounds.
constexpr std::size_t kMaxRepository = 255;
constexpr std::size_t kMaxTag = 128;

absl::Status Malformed(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("image reference \"", absl::CHexEscape(text), "\": ", why));
}

bool IsLowerOrDigit(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

// "mac-images", "a.b", "a__b": runs of letters and digits, single separators between them.
bool IsPathPart(absl::string_view part) {
  if (part.empty() || !IsLowerOrDigit(part.front()) || !IsLowerOrDigit(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (IsLowerOrDigit(part[i])) {
      ++i;
      continue;
    }
    const std::size_t end = part.find_first_not_of(part[i], i);
    const std::size_t run = end - i;
    const bool fits =
        (part[i] == '.' && run == 1) || (part[i] == '_' && run <= 2) || part[i] == '-';
    // Another separator may not follow.
    if (!fits || !IsLowerOrDigit(part[end])) return false;
    i = end;
  }
  return true;
}

bool IsPort(absl::string_view text) {
  std::uint32_t port = 0;
  return text.size() <= 5 && absl::SimpleAtoi(text, &port) && port > 0 && port < 65536 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// "registry.example", "localhost:5000", "[::1]:5000".
bool IsRegistry(absl::string_view text) {
  absl::string_view host = text;
  if (absl::StartsWith(text, "[")) {
    const std::size_t end = text.find(']');
    if (end == absl::string_view::npos) return false;
    host = text.substr(1, end - 1);
    const absl::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !(rest[0] == ':' && IsPort(rest.substr(1)))) return false;
    return !host.empty() &&
           host.find_first_not_of("0123456789abcdefABCDEF:.") == absl::string_view::npos;
  }
  const std::size_t colon = text.find(':');
  if (colon != absl::string_view::npos) {
    if (!IsPort(text.substr(colon + 1))) return false;
    host = text.substr(0, colon);
  } else if (!absl::StrContains(host, '.') && host != "localhost") {
    // "macos/sonoma": the first word is a directory of some registry that nobody named.
    return false;
  }
  for (absl::string_view label : absl::StrSplit(host, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    for (const char c : label) {
      if (!absl::ascii_isalnum(c) && c != '-') return false;
    }
  }
  return true;
}

bool IsTag(absl::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTag || tag[0] == '.' || tag[0] == '-') return false;
  return std::all_of(tag.begin(), tag.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace

std::string Reference::ToString() const {
  return absl::StrCat(registry, "/", repository, digest.empty() ? ":" : "@",
                      digest.empty() ? tag : digest);
}

Reference Reference::WithDigest(absl::string_view new_digest) const {
  Reference result = *this;
  result.digest = std::string(new_digest);
  return result;
}

absl::StatusOr<Reference> ParseReference(absl::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == absl::string_view::npos || !IsRegistry(text.substr(0, slash))) {
    return Malformed(text,
                     "must begin with its registry, as in \"registry.example/macos/sonoma:14\"");
  }
  Reference reference;
  reference.registry = std::string(text.substr(0, slash));
  absl::string_view rest = text.substr(slash + 1);
  const std::size_t at = rest.find('@');
  if (at != absl::string_view::npos) {
    reference.digest = std::string(rest.substr(at + 1));
    if (!IsDigest(reference.digest)) {
      return Malformed(text, "the digest must be \"sha256:\" and 64 hex digits");
    }
    rest = rest.substr(0, at);
  }
  const std::size_t colon = rest.find(':');
  if (colon != absl::string_view::npos) {
    reference.tag = std::string(rest.substr(colon + 1));
    if (!IsTag(reference.tag)) {
      return Malformed(text, "a tag has at most 128 letters, digits, \".\", \"_\" or \"-\"");
    }
    rest = rest.substr(0, colon);
  } else if (reference.digest.empty()) {
    reference.tag = "latest";
  }
  reference.repository = std::string(rest);
  if (rest.size() > kMaxRepository) return Malformed(text, "the repository's name is too long");
  for (absl::string_view part : absl::StrSplit(rest, '/')) {
    if (!IsPathPart(part)) {
      return Malformed(text,
                       "a repository is lower-case letters and digits, separated by \".\", \"_\", "
                       "\"-\" and \"/\"");
    }
  }
  return reference;
}

}  // namespace espalier::oci
