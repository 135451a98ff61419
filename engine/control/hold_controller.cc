#include "engine/control/hold_controller.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/telemetry.h"
#include "engine/model/timestamp.h"

namespace espalier::control {
namespace {

constexpr absl::string_view kPrefix = "holds of ";

bool HasTimedHold(const Resource& object) {
  const auto& holds = object.metadata().holds();
  return std::any_of(holds.begin(), holds.end(),
                     [](const auto& hold) { return hold.second.has_until(); });
}

}  // namespace

Ref HoldController::NameFor(const Ref& object) {
  return Ref{kNoKind, "", absl::StrCat(kPrefix, ToString(object))};
}

void HoldController::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  if (change.after != nullptr && HasTimedHold(*change.after)) {
    names.push_back(NameFor(RefOf(*change.after)));
  }
}

Outcome HoldController::Reconcile(const Ref& name, Turn& turn) {
  absl::string_view text = name.name;
  if (!absl::ConsumePrefix(&text, kPrefix)) return Done{};
  const absl::StatusOr<Ref> ref = ParseRef(text);
  const Resource* object = ref.ok() ? turn.now.Find(*ref) : nullptr;
  if (object == nullptr) return Done{};

  ApplyRequest request;
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [hold, held] : object->metadata().holds()) {
    if (!held.has_until()) continue;
    const absl::Duration left = TimeOf(held.until()) - clock_.Now();
    // One at a time: the object is written once per request, and the write brings the name back.
    if (left > absl::ZeroDuration() || request.holds_size() > 0) {
      next = std::min(next, std::max(left, absl::ZeroDuration()));
      continue;
    }
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(*ref);
    change.set_hold(hold);
    change.set_clear(true);
  }
  if (request.holds_size() > 0) {
    request.mutable_owner()->set_manager(Owner::CONTROLLER);
    request.mutable_owner()->set_instance("holds");
    const absl::StatusOr<ApplyResult> result = resources_.Apply(turn.context, request);
    if (!result.ok()) return Retry{result.status()};
    turn.Wrote(result->revision());
    log_.Info("hold ended", {{telemetry::kRef, ToString(*ref)}});
  }
  if (next == absl::InfiniteDuration()) return Done{};
  return RequeueAfter{next};
}

}  // namespace espalier::control
