#include "reconciler/pacing.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/hold.h"
#include "engine/model/timestamp.h"
#include "reconciler/conditions.h"
#include "reconciler/windows.h"

namespace espalier {
namespace {

Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }

// The hold that suspends the source, or all of them.
const v1::Hold* Suspension(const Resource& source, FindObject find, absl::Time now) {
  const Resource* cluster = find(Ref{Kind::kCluster, "", "default"});
  for (const Resource* object : {&source, cluster}) {
    if (object == nullptr) continue;
    if (const v1::Hold* hold = StandingHold(object->metadata(), kSuspendHold, now)) return hold;
  }
  return nullptr;
}

// Both get every commit of one place, so that each must have come as far.
bool FollowTheSame(const v1::GitSourceSpec& a, const v1::GitSourceSpec& b) {
  return a.repository() == b.repository() && a.ref() == b.ref() && a.commit() == b.commit() &&
         a.tags().SerializeAsString() == b.tags().SerializeAsString();
}

// Why the source has to wait for `other`; empty if it need not.
std::string WhyNotYet(const Resource& source, const std::string& commit, const std::string& name,
                      const Resource* other) {
  if (other == nullptr) return absl::StrCat(name, ", which does not exist");
  const v1::GitSourceStatus& status = other->git_source().status();
  if (StateIn(status, kValid) == v1::Condition::FALSE) {
    return absl::StrCat(name, ", which is invalid");
  }
  const bool applied = StateIn(status, kApplied) == v1::Condition::TRUE &&
                       status.applied_commit() == status.seen_commit();
  if (!applied) return absl::StrCat(name, ", which is not applied");
  if (FollowTheSame(source.git_source().spec(), other->git_source().spec()) &&
      status.applied_commit() != commit) {
    return absl::StrCat(name, ", which is at ", status.applied_commit().substr(0, 12));
  }
  if (StateIn(status, kHealthy) != v1::Condition::TRUE) {
    return absl::StrCat(name, ", which is not healthy");
  }
  return "";
}

}  // namespace

Pace PaceOf(const Resource& source, const std::string& commit, FindObject find, absl::Time now) {
  const v1::GitSourceSpec& spec = source.git_source().spec();
  if (const v1::Hold* hold = Suspension(source, find, now)) {
    Pace pace{.may_apply = false, .reason = "Suspended", .message = SuspendedText(*hold)};
    if (hold->has_until()) pace.until = absl::FromUnixSeconds(hold->until().seconds() + 1);
    return pace;
  }
  for (const std::string& name : spec.after()) {
    const std::string why = WhyNotYet(source, commit, name, find(SourceRef(name)));
    if (why.empty()) continue;
    return {.may_apply = false,
            .reason = "WaitsForSource",
            .message = absl::StrCat("waits for git_source ", why)};
  }
  const WindowAnswer windows = WindowsAt(spec.windows(), now);
  if (windows.open) return {};
  std::string message = windows.why;
  if (windows.until != absl::InfiniteFuture()) {
    absl::StrAppend(&message, " until ", MinuteText(windows.until));
  }
  return {.may_apply = false,
          .reason = "OutsideWindows",
          .message = std::move(message),
          .until = windows.until};
}

std::string SuspensionOf(const Resource& source, FindObject find, absl::Time now) {
  const v1::Hold* hold = Suspension(source, find, now);
  return hold == nullptr ? "" : SuspendedText(*hold);
}

}  // namespace espalier
