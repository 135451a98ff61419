#include "reconciler/review/surface.h"

#include <algorithm>

#include "absl/strings/string_view.h"

namespace espalier {
namespace {

// Without the first line, which is the marker.
absl::string_view Below(const std::string& comment) {
  const std::size_t end = comment.find('\n');
  return end == std::string::npos ? absl::string_view() : absl::string_view(comment).substr(end);
}

bool Same(const PlacedStatus& a, const PlacedStatus& b) {
  return a.sha == b.sha && a.status.state == b.status.state &&
         a.status.context == b.status.context && a.status.description == b.status.description &&
         a.status.url == b.status.url;
}

bool Same(const LineNote& a, const LineNote& b) {
  return a.level == b.level && a.path == b.path && a.first_line == b.first_line &&
         a.last_line == b.last_line && a.title == b.title && a.message == b.message;
}

}  // namespace

bool Posted::IsAnswered(const std::string& comment) const {
  return std::find(answered.begin(), answered.end(), comment) != answered.end();
}

bool Surface::SaysTheSameAs(const Surface& other) const {
  return commit == other.commit && final == other.final && Below(comment) == Below(other.comment) &&
         plan.digest == other.plan.digest && check.conclusion == other.check.conclusion &&
         std::equal(statuses.begin(), statuses.end(), other.statuses.begin(), other.statuses.end(),
                    [](const auto& a, const auto& b) { return Same(a, b); }) &&
         std::equal(notes.begin(), notes.end(), other.notes.begin(), other.notes.end(),
                    [](const auto& a, const auto& b) { return Same(a, b); });
}

}  // namespace espalier
