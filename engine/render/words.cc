#include "engine/render/words.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "engine/model/field.h"
#include "engine/model/timestamp.h"
#include "engine/render/safe_text.h"

namespace espalier {
namespace {

constexpr char kUnset[] = "(unset)";
constexpr char kUnknown[] = "(known after apply)";

// What stays because something stands in its way is news; what stays as declared is none.
bool IsShown(const v1::Action& action) {
  return action.verb() != v1::Action::NOOP || action.holds_size() > 0;
}

}  // namespace

std::string ObjectText(const v1::Ref& ref) {
  return absl::StrCat(ref.kind(), " ", ref.namespace_(), ref.namespace_().empty() ? "" : "/",
                      ref.name());
}

absl::string_view ShortPath(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "spec.")) absl::ConsumePrefix(&path, "metadata.");
  return path;
}

std::string BeforeText(const v1::FieldChange& change, std::size_t max) {
  return change.has_before() ? Shortened(change.before(), max) : kUnset;
}

std::string AfterText(const v1::FieldChange& change, std::size_t max) {
  if (change.unknown()) return kUnknown;
  return change.has_after() ? Shortened(change.after(), max) : kUnset;
}

std::string ChangeText(const v1::FieldChange& change, std::size_t max) {
  const absl::string_view path = ShortPath(change.path());
  if (!change.has_before()) return absl::StrCat(path, " = ", AfterText(change, max));
  if (!change.has_after() && !change.unknown()) return absl::StrCat(path, " removed");
  return absl::StrCat(path, " ", BeforeText(change, max), " → ", AfterText(change, max));
}

std::string RiskWord(v1::Action::Risk risk) {
  switch (risk) {
    case v1::Action::DISRUPTIVE:
      return "disruptive";
    case v1::Action::DESTRUCTIVE:
      return "destructive";
    default:
      return "low";
  }
}

std::string ClassText(const v1::DriftRow& row) {
  std::string word = row.has_healed_at() ? "healed" : EnumWord(row.class_());
  if (row.subclass().empty()) return word;
  return absl::StrCat(word, " (", absl::StrReplaceAll(row.subclass(), {{"_", " "}}), ")");
}

std::string TimeText(const google::protobuf::Timestamp& time, absl::Time now) {
  if (time.seconds() == 0) return "";
  return absl::StrReplaceAll(WithShortTimes(MinuteText(TimeOf(time)), now), {{"T", " "}});
}

std::string WithShortTimes(const std::string& text, absl::Time now) {
  if (now == absl::InfinitePast()) return text;
  return absl::StrReplaceAll(text, {{absl::FormatTime("%Y-%m-%dT", now, absl::UTCTimeZone()), ""}});
}

std::string WhoText(const v1::DriftRow& row, absl::Time now) {
  std::vector<std::string> parts;
  if (!row.actor().empty()) parts.push_back(row.actor());
  std::string how = absl::StrReplaceAll(row.interface(), {{"cli", "CLI"}, {"api", "API"}});
  if (!row.reason().empty())
    absl::StrAppend(&how, how.empty() ? "" : " ", "\"", row.reason(), "\"");
  if (!how.empty()) parts.push_back(how);
  if (const std::string since = TimeText(row.since(), now); !since.empty()) parts.push_back(since);
  return absl::StrJoin(parts, ", ");
}

std::vector<std::pair<std::string, int>> DriftByClass(const v1::DriftReport& report) {
  std::map<int, int> counts;
  int healed = 0;
  for (const v1::DriftRow& row : report.rows()) {
    if (row.has_healed_at()) {
      ++healed;
    } else {
      ++counts[row.class_()];
    }
  }
  std::vector<std::pair<std::string, int>> by_class;
  by_class.reserve(counts.size() + 1);
  for (const auto& [row_class, count] : counts) {
    by_class.emplace_back(EnumWord(static_cast<v1::DriftRow::Class>(row_class)), count);
  }
  if (healed > 0) by_class.emplace_back("healed", healed);
  return by_class;
}

std::string DriftCounts(const v1::DriftReport& report) {
  std::vector<std::string> parts;
  for (const auto& [word, count] : DriftByClass(report)) {
    parts.push_back(absl::StrCat(count, " ", word));
  }
  return parts.empty() ? "none" : absl::StrJoin(parts, ", ");
}

std::string PlanCounts(const v1::Plan& plan) {
  std::uint32_t releases = 0;
  for (const v1::Action& action : plan.actions()) {
    if (action.verb() == v1::Action::RELEASE) ++releases;
  }
  const std::pair<std::uint32_t, absl::string_view> counts[] = {
      {plan.creates(), "create"}, {plan.adopts(), "adopt"},     {plan.updates(), "update"},
      {releases, "release"},      {plan.replaces(), "replace"}, {plan.deletes(), "delete"}};
  std::vector<std::string> parts;
  for (const auto& [count, verb] : counts) {
    if (count > 0) parts.push_back(absl::StrCat(count, " to ", verb));
  }
  return absl::StrJoin(parts, ", ");
}

bool HasErrors(const std::vector<v1::Problem>& problems) {
  for (const v1::Problem& problem : problems) {
    if (problem.severity() == v1::Problem::ERROR) return true;
  }
  return false;
}

std::string ProblemCounts(const std::vector<v1::Problem>& problems) {
  const std::pair<v1::Problem::Severity, absl::string_view> words[] = {
      {v1::Problem::ERROR, "error"},
      {v1::Problem::WARNING, "warning"},
      {v1::Problem::NOTE, "note"}};
  std::vector<std::string> parts;
  for (const auto& [severity, word] : words) {
    std::size_t count = 0;
    for (const v1::Problem& problem : problems) count += problem.severity() == severity ? 1 : 0;
    if (count > 0) parts.push_back(Count(count, word));
  }
  return absl::StrJoin(parts, ", ");
}

std::string Count(std::size_t count, absl::string_view singular) {
  return absl::StrCat(count, " ", singular, count == 1 ? "" : "s");
}

std::vector<const v1::Action*> ShownActions(const v1::Plan& plan) {
  std::vector<const v1::Action*> shown;
  for (const v1::Action& action : plan.actions()) {
    if (IsShown(action)) shown.push_back(&action);
  }
  return shown;
}

void KeepShownActions(v1::Plan& plan) {
  auto& actions = *plan.mutable_actions();
  actions.erase(std::remove_if(actions.begin(), actions.end(), std::not_fn(IsShown)),
                actions.end());
}

}  // namespace espalier
