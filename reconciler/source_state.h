// SourceState: what the reconciler remembers about one source between turns. All of it can be made
// anew from the source's status and one pull: it is lost at every restart. Belongs to the loop's
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/source_set.h"

namespace espalier {

// Times are Clock::Elapsed().
struct SourceState {
  // Incarnation and generation of the source that this is about.
  std::string uid;
  std::int64_t generation = 0;
  // Kept for the time after the source is gone.
  v1::GitSourceSpec::OnDelete on_delete = v1::GitSourceSpec::RELEASE;

  // The status as it shall be; written when it changed.
  v1::GitSourceStatus status;
  bool status_changed = false;

  bool pulling = false;
  // Told to look while it was looking.
  bool look_again = false;
  absl::Duration pull_started = -absl::InfiniteDuration();
  absl::Duration next_pull = -absl::InfiniteDuration();
  int failed_pulls = 0;

  // The set of the commit that was seen last, valid or not.
  std::shared_ptr<const LoadedSet> head;
  // The last valid set: what shall stand.
  std::shared_ptr<const LoadedSet> wanted;
  // The set that was applied last.
  std::shared_ptr<const LoadedSet> applied;
  // `wanted` is to be planned and applied, not before `apply_after`.
  bool apply_wanted = false;
  absl::Duration apply_after = -absl::InfiniteDuration();
  // It is wanted again to heal drift.
  bool correcting = false;

  // When drift is to be looked for next; infinite while nothing has changed.
  absl::Duration drift_due = absl::InfiniteDuration();
  // When drift was corrected lately, for telling a fight.
  std::deque<absl::Duration> corrections;
};

}  // namespace espalier
