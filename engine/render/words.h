// Words and small forms that several of the renderers use. Internal to this folder. Pure; what
// comes from outside is not yet made harmless.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "espalier/v1/plan.pb.h"

namespace espalier {

// "vm ci/build".
std::string ObjectText(const v1::Ref& ref);

// "cpu" for "spec.cpu", "labels[team]" for "metadata.labels[team]".
absl::string_view ShortPath(absl::string_view path);

// The values of a change in their JSON form, shortened to `max` characters each; "(unset)" and
// "(known after apply)" stand for what is no value.
std::string BeforeText(const v1::FieldChange& change, std::size_t max);
std::string AfterText(const v1::FieldChange& change, std::size_t max);
// "cpu 4 → 8", "ports[http].guest = 80", "ttl_seconds removed".
std::string ChangeText(const v1::FieldChange& change, std::size_t max);

// "low", "disruptive", "destructive".
std::string RiskWord(v1::Action::Risk risk);
// "changed", "unmanaged (hand made)".
std::string ClassText(const v1::DriftRow& row);

// "01:12Z" if the time lies on the day of `now`, else "2026-11-21 01:12Z". Empty for no time.
std::string TimeText(const google::protobuf::Timestamp& time, absl::Time now);
// `text` with the times of the day of `now` in it shortened in the same way.
std::string WithShortTimes(const std::string& text, absl::Time now);

// Who made a difference, how, why and when: `ana, CLI override "INC-91", 01:12Z`.
std::string WhoText(const v1::DriftRow& row, absl::Time now);
// Numbers of rows by class, {"changed", 2}, in the order of the classes; what was healed comes
// last.
std::vector<std::pair<std::string, int>> DriftByClass(const v1::DriftReport& report);
// The same in words, "2 changed, 1 missing, 1 healed"; "none" for none.
std::string DriftCounts(const v1::DriftReport& report);
// "1 to create, 2 to update"; empty if the plan does nothing.
std::string PlanCounts(const v1::Plan& plan);
// "2 errors, 1 warning".
std::string ProblemCounts(const std::vector<v1::Problem>& problems);
bool HasErrors(const std::vector<v1::Problem>& problems);

// "1 object", "2 objects".
std::string Count(std::size_t count, absl::string_view singular);

// Actions that people should see, in an order of their own.
std::vector<const v1::Action*> ShownActions(const v1::Plan& plan);

}  // namespace espalier
