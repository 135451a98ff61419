#include "macagent/driver/driver.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace espalier::agent {

std::string ToString(const RunId& id) { return absl::StrCat(id.uid, ".", id.attempt); }

absl::StatusOr<RunId> ParseRunId(absl::string_view name) {
  const std::size_t dot = name.rfind('.');
  RunId id;
  if (dot == absl::string_view::npos || dot == 0 || dot + 1 == name.size() ||
      !absl::SimpleAtoi(name.substr(dot + 1), &id.attempt) || id.attempt < 0) {
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is not the name of a run"));
  }
  for (const char c : name.substr(0, dot)) {
    // A name becomes a directory: nothing but letters, digits and dashes.
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-') {
      return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is not the name of a run"));
    }
  }
  id.uid = std::string(name.substr(0, dot));
  return id;
}

bool HasEnded(RunPhase phase) {
  return phase == RunPhase::kStopped || phase == RunPhase::kFailed || phase == RunPhase::kFenced;
}

}  // namespace espalier::agent
