#include "engine/model/source_rules.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/semver.h"
#include "engine/model/policy.h"

namespace espalier {
namespace {

constexpr std::pair<absl::string_view, absl::Weekday> kDays[] = {
    {"mon", absl::Weekday::monday},    {"tue", absl::Weekday::tuesday},
    {"wed", absl::Weekday::wednesday}, {"thu", absl::Weekday::thursday},
    {"fri", absl::Weekday::friday},    {"sat", absl::Weekday::saturday},
    {"sun", absl::Weekday::sunday},
};

void CheckWindow(const v1::Window& window, const std::string& path, Problems& problems) {
  for (int i = 0; i < window.days_size(); ++i) {
    if (WeekdayFromName(window.days(i)).has_value()) continue;
    problems.Error("invalid_value", absl::StrCat(path, ".days[", i, "]"),
                   absl::StrCat("is \"", window.days(i),
                                "\", must be one of mon, tue, wed, thu, fri, sat, sun"));
  }
  absl::TimeZone zone;
  if (window.has_time_zone() && !absl::LoadTimeZone(window.time_zone(), &zone)) {
    problems.Error("invalid_value", absl::StrCat(path, ".time_zone"),
                   absl::StrCat("is \"", window.time_zone(),
                                "\", which this machine knows no time zone by; \"UTC\" and names "
                                "such as \"Europe/Berlin\" are"));
  }
}

}  // namespace

std::optional<absl::Weekday> WeekdayFromName(absl::string_view name) {
  for (const auto& [day, weekday] : kDays) {
    if (day == name) return weekday;
  }
  return std::nullopt;
}

void CheckSourceRules(const Resource& resource, Problems& problems) {
  const v1::GitSourceSpec& spec = resource.git_source().spec();
  const std::map<std::string, v1::Window> windows(spec.windows().begin(), spec.windows().end());
  for (const auto& [name, window] : windows) {
    CheckWindow(window, absl::StrCat("spec.windows[", name, "]"), problems);
  }
  // Without any, the option beside the field says so.
  if (const std::string& range = spec.tags().range(); !range.empty()) {
    if (const auto parsed = SemVerRange::Parse(range); !parsed.ok()) {
      problems.Error("invalid_value", "spec.tags.range", std::string(parsed.status().message()));
    }
  }
  CheckIgnoreRules(spec.ignore(), "spec.ignore", problems);
  for (int i = 0; i < spec.after_size(); ++i) {
    if (spec.after(i) != resource.metadata().name()) continue;
    problems.Error("reference_cycle", absl::StrCat("spec.after[", i, "]"),
                   "a source cannot wait for itself");
  }
}

}  // namespace espalier
