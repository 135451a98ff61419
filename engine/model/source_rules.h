// What of a GitSource no option beside a field can say: days, time zones, ranges of versions, the
// fields that its rules leave alone. Pure, but for the machine's time zones.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "engine/model/kind.h"
#include "engine/model/problem.h"

namespace espalier {

// "mon" to "sun".
std::optional<absl::Weekday> WeekdayFromName(absl::string_view name);

// REQUIRES: the resource is a GitSource.
void CheckSourceRules(const Resource& resource, Problems& problems);

}  // namespace espalier
