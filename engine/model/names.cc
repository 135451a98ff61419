// The forms of names and references, and the nearest name to a mistyped one.
#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

bool IsNameByte(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; }

bool AllOf(absl::string_view text, bool (*is_allowed)(char)) {
  return std::all_of(text.begin(), text.end(), is_allowed);
}
bool IsHexByte(char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }
bool IsDigitByte(char c) { return absl::ascii_isdigit(c); }
bool IsHostByte(char c) { return absl::ascii_isalnum(c) || c == '-' || c == '.'; }
bool IsTagByte(char c) { return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_'; }
bool IsRepositoryByte(char c) { return IsNameByte(c) || c == '.' || c == '_'; }

bool IsRegistry(absl::string_view text) {
  const std::size_t colon = text.find(':');
  const absl::string_view host = text.substr(0, colon);
  if (host.empty() || !AllOf(host, IsHostByte) || !absl::ascii_isalnum(host.front())) return false;
  if (colon == absl::string_view::npos) return true;
  const absl::string_view port = text.substr(colon + 1);
  return !port.empty() && port.size() <= 5 && AllOf(port, IsDigitByte);
}

// One part of a repository's path begins and ends with a letter or digit.
bool IsRepositoryPart(absl::string_view part) {
  return !part.empty() && AllOf(part, IsRepositoryByte) && absl::ascii_isalnum(part.front()) &&
         absl::ascii_isalnum(part.back());
}

bool IsDigest(absl::string_view text) {
  return absl::ConsumePrefix(&text, "sha256:") && text.size() == 64 && AllOf(text, IsHexByte);
}

bool IsTag(absl::string_view text) {
  return !text.empty() && text.size() <= 128 && AllOf(text, IsTagByte) && text.front() != '-' &&
         text.front() != '.';
}

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
std::size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::move(last);
    last = std::move(row);
  }
  return last.back();
}

}  // namespace

bool IsValidName(absl::string_view name) {
  return !name.empty() && name.size() <= limits::kNameBytes && AllOf(name, IsNameByte) &&
         name.front() != '-' && name.back() != '-';
}

bool IsImageReference(absl::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == absl::string_view::npos || !IsRegistry(text.substr(0, slash))) return false;
  absl::string_view path = text.substr(slash + 1);
  const std::size_t at = path.find('@');
  if (at != absl::string_view::npos) {
    if (!IsDigest(path.substr(at + 1))) return false;
    path = path.substr(0, at);
  }
  const std::size_t colon = path.find(':');
  if (colon != absl::string_view::npos) {
    if (!IsTag(path.substr(colon + 1))) return false;
    path = path.substr(0, colon);
  }
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (!IsRepositoryPart(part)) return false;
  }
  return true;
}

std::string Nearest(absl::string_view word, const std::vector<std::string>& candidates) {
  // Longer words are no slips of a finger, and the distance costs their product.
  if (word.empty() || word.size() > limits::kNameBytes) return "";
  std::string nearest;
  // A third of the word may be wrong; beyond that it is another word.
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (absl::EqualsIgnoreCase(candidate, word)) return candidate;
    // The unit at the end of a name is what people leave out: "memory" for "memory_mib".
    const bool lacks_unit = absl::StartsWith(candidate, absl::StrCat(word, "_"));
    const std::size_t distance = lacks_unit ? 1 : EditDistance(word, candidate);
    if (distance < best && distance < candidate.size()) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace espalier
