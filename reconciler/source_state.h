// SourceState: what the reconciler remembers about one source between turns. All of it can be made
// anew from the source's status and one read: it is lost at every restart. Belongs to the loop's
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "engine/model/ref.h"
#include "espalier/v1/git_source.pb.h"
#include "espalier/v1/plan.pb.h"
#include "reconciler/git/fetch.h"
#include "reconciler/pacing.h"
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
  // Of the stored one: at which revision the source has it, and what it says.
  std::int64_t revision = 0;
  std::string stored_seen;
  std::string stored_applied;

  bool reading = false;
  // What the read under way will find is out of date.
  bool drop_read = false;
  // Told to look while it was looking.
  bool look_again = false;
  absl::Duration read_started = -absl::InfiniteDuration();
  absl::Duration next_read = -absl::InfiniteDuration();
  int failed_reads = 0;
  // When a push was told of that no read has seen yet; when the oldest push was that is read and
  // valid but not applied. Infinite if there is none.
  absl::Duration told_of_push = absl::InfiniteDuration();
  absl::Duration pushed = absl::InfiniteDuration();

  // The commit that the ref was at last, followed or not.
  std::string tip;
  // It waits to be confirmed.
  bool frozen = false;
  // The set of the commit that is followed, valid or not.
  std::shared_ptr<const LoadedSet> head;
  // The last valid set: what shall stand.
  std::shared_ptr<const LoadedSet> wanted;
  // The set that was applied last.
  std::shared_ptr<const LoadedSet> applied;
  // `wanted` is to be planned and applied, not before `apply_after`.
  bool apply_wanted = false;
  absl::Duration apply_after = -absl::InfiniteDuration();
  // Whether anything may be applied, asked anew each turn; if not, when to ask at the latest.
  Pace pace;
  bool waits = false;
  absl::Duration waits_until = absl::InfiniteDuration();
  // The set that has work to do and may not.
  std::shared_ptr<const LoadedSet> waiting;
  // When what could not be deleted is tried again; infinite if there is nothing of it.
  absl::Duration retry_after = absl::InfiniteDuration();
  // Objects of `applied` that are to be applied again, and no others: they drifted, or are resumed.
  std::set<Ref> apply_again;

  // When drift is to be looked for next; infinite while nothing has changed.
  absl::Duration drift_due = absl::InfiniteDuration();
  // The last report.
  std::shared_ptr<const v1::DriftReport> drift;

  // Heads of pull requests as git advertised them last.
  PullHeads pull_heads;

  // When objects were corrected lately, for telling a fight.
  std::map<Ref, std::deque<absl::Duration>> corrections;
  // Objects that are fought over now.
  std::set<std::string> fights;

  // When health is to be looked at next; infinite while nothing has changed.
  absl::Duration health_due = -absl::InfiniteDuration();
  // What is not ready, and since when it is not as it is now.
  struct Unready {
    std::string uid;
    std::int64_t generation = 0;
    absl::Duration since;
  };
  std::map<Ref, Unready> unready;
  // The first apply since health was looked at; infinite if there was none.
  absl::Duration changed = absl::InfiniteDuration();
  // Health was looked at in this process, or there was an apply.
  bool health_seen = false;
};

}  // namespace espalier
