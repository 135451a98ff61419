#include "reconciler/review/marker.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace espalier {
namespace {

constexpr char kBegin[] = "<!-- espalier:v1 ";
constexpr char kEnd[] = " -->";
// Ours are shorter; what is longer was written by somebody else.
constexpr std::size_t kLineBytes = 512;

bool IsWord(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && c != '/' && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace

std::string MarkerLine(const Marker& marker) {
  return absl::StrCat(kBegin, "key=", marker.key, " commit=", marker.commit,
                      " digest=", marker.digest, " revision=", marker.revision, kEnd);
}

std::optional<Marker> ParseMarker(absl::string_view text) {
  absl::string_view line = text.substr(0, text.find('\n'));
  // Some forges send texts back with the line ends of HTTP.
  line = absl::StripSuffix(line, "\r");
  if (line.size() > kLineBytes || !absl::ConsumePrefix(&line, kBegin) ||
      !absl::ConsumeSuffix(&line, kEnd)) {
    return std::nullopt;
  }
  Marker marker;
  for (absl::string_view part : absl::StrSplit(line, ' ')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    const auto& [name, value] = pair;
    if (!IsWord(value)) return std::nullopt;
    if (name == "key") {
      marker.key = std::string(value);
    } else if (name == "commit") {
      marker.commit = std::string(value);
    } else if (name == "digest") {
      marker.digest = std::string(value);
    } else if (name == "revision") {
      if (!absl::SimpleAtoi(value, &marker.revision)) return std::nullopt;
    }
  }
  if (marker.key.empty()) return std::nullopt;
  return marker;
}

}  // namespace espalier
