#include "reconciler/windows.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "engine/model/source_rules.h"

namespace espalier {
namespace {

// The longest window lasts a week: what began before is over. What may change the answer comes
// round within another week, and a day more for the clocks' changes.
constexpr int kDaysBack = 8;
constexpr int kDaysAhead = 8;

// One time at which a window is open.
struct Opening {
  absl::Time begin;
  absl::Time end;
  bool freezes = false;
  const std::string* name = nullptr;
};

// Days without a name mean every day.
bool BeginsOn(const v1::Window& window, absl::CivilDay day) {
  const absl::Weekday weekday = absl::GetWeekday(day);
  return window.days().empty() ||
         std::any_of(window.days().begin(), window.days().end(),
                     [&](const std::string& name) { return WeekdayFromName(name) == weekday; });
}

absl::Time BeginOn(const v1::Window& window, absl::CivilDay day, const absl::TimeZone& zone) {
  int hour = 0;
  int minute = 0;
  // "22:30", as the model's pattern has it.
  (void)absl::SimpleAtoi(absl::string_view(window.start()).substr(0, 2), &hour);
  (void)absl::SimpleAtoi(absl::string_view(window.start()).substr(3), &minute);
  const absl::TimeZone::TimeInfo info =
      zone.At(absl::CivilSecond(day.year(), day.month(), day.day(), hour, minute, 0));
  return info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre;
}

WindowAnswer AnswerAt(const std::vector<Opening>& openings, bool some_allow, absl::Time at) {
  bool allowed = !some_allow;
  for (const Opening& opening : openings) {
    if (at < opening.begin || at >= opening.end) continue;
    if (opening.freezes) {
      return {.open = false, .why = absl::StrCat("window ", *opening.name, " forbids it")};
    }
    allowed = true;
  }
  return {.open = allowed, .why = allowed ? "" : "no window is open"};
}

}  // namespace

WindowAnswer WindowsAt(const google::protobuf::Map<std::string, v1::Window>& windows,
                       absl::Time now) {
  // Maps have no order; reasons shall have one.
  std::map<std::string, const v1::Window*> sorted;
  for (const auto& [name, window] : windows) sorted[name] = &window;
  std::vector<Opening> openings;
  bool some_allow = false;
  for (const auto& [name, window] : sorted) {
    absl::TimeZone zone = absl::UTCTimeZone();
    if (window->has_time_zone() && !absl::LoadTimeZone(window->time_zone(), &zone)) {
      return {.open = false,
              .why = absl::StrCat("window ", name, " is in time zone ", window->time_zone(),
                                  ", which this machine does not know")};
    }
    const bool freezes = window->effect() == v1::Window::FREEZE;
    some_allow = some_allow || !freezes;
    const absl::CivilDay today = absl::ToCivilDay(now, zone);
    for (absl::CivilDay day = today - kDaysBack; day <= today + kDaysAhead; ++day) {
      if (!BeginsOn(*window, day)) continue;
      const absl::Time begin = BeginOn(*window, day, zone);
      const absl::Time end = begin + absl::Minutes(window->minutes());
      if (end > now) openings.push_back({begin, end, freezes, &name});
    }
  }
  WindowAnswer answer = AnswerAt(openings, some_allow, now);
  std::vector<absl::Time> turns;
  for (const Opening& opening : openings) {
    if (opening.begin > now) turns.push_back(opening.begin);
    turns.push_back(opening.end);
  }
  std::sort(turns.begin(), turns.end());
  turns.erase(std::unique(turns.begin(), turns.end()), turns.end());
  for (const absl::Time turn : turns) {
    if (AnswerAt(openings, some_allow, turn).open == answer.open) continue;
    // Behind the days that were looked at everything seems closed.
    if (turn < now + absl::Hours(24 * (kDaysAhead - 1))) answer.until = turn;
    break;
  }
  return answer;
}

}  // namespace espalier
