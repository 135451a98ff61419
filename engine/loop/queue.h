// NameQueue: the names that a loop has yet to look at. A name waits at most once however often it
// is added, is handed out to one at a time, and is never forgotten: what was added while it was
// being worked on is handed out again. Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "engine/model/ref.h"

namespace espalier {

class NameQueue {
 public:
  explicit NameQueue(Random& random) : random_(random) {}

  // The name shall be looked at.
  void Add(const Ref& name);
  // Not before `due` (Clock::Elapsed()), unless it is added otherwise. A name has one timer: the
  // earlier one stays.
  void AddAt(const Ref& name, absl::Duration due);

  // The name that waits longest, timers up to `now` included; nothing if none is ready. Its timer
  // is cleared: whoever works on the name decides anew when to come back. Done must follow.
  std::optional<Ref> Pop(absl::Duration now);
  // The work on a name that Pop handed out is over.
  void Done(const Ref& name);

  // Counts a failure of the name and says how long to wait: full jitter up to 50 ms * 2^n, at most
  // 60 s. There is no limit to the failures: giving up would be forgetting.
  absl::Duration NextBackOff(const Ref& name);
  // The name succeeded: its next failure is its first.
  void ResetBackOff(const Ref& name);

  // When the next timer is due, ZeroDuration() if a name is ready, InfiniteDuration() if there is
  // none.
  absl::Duration next_due() const;
  // Names ready and under work; timers aside.
  std::size_t size() const;

 private:
  void AddLocked(const Ref& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Random& random_;
  mutable Mutex mu_;
  std::deque<Ref> ready_ ABSL_GUARDED_BY(mu_);
  // Shall be looked at: in ready_, or under work and added again meanwhile.
  absl::flat_hash_set<Ref> dirty_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<Ref> processing_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<Ref, absl::Duration> due_ ABSL_GUARDED_BY(mu_);
  absl::btree_set<std::pair<absl::Duration, Ref>> timers_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<Ref, int> failures_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
