// WatchHub: hands every committed change to the watches whose query it concerns, and keeps the last
// changes so that a watch can go on where an earlier one ended. A change is shown to the watches of
// the hosts that it touches and to those that are not about one host, not to all: each agent of a
// large fleet has a watch of its own. Thread-safe; owned by LocalResources, which feeds it in order
// of revision.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/server/object_map.h"

namespace espalier {

// One object's change at one revision.
struct Change {
  std::int64_t revision = 0;
  ObjectPtr before;  // null: was not there
  ObjectPtr after;   // null: is gone
};

class WatchHub {
 public:
  // `epoch` names the history: resume tokens of another one are too old.
  WatchHub(Clock& clock, std::string epoch);
  // REQUIRES: all watches are destroyed.
  ~WatchHub();

  // The state before any Publish. Once, first.
  void Start(const ObjectMap& objects);

  // Makes `objects` the present state, reached by `changes` of one or several whole revisions.
  void Publish(const ObjectMap& objects, std::vector<Change> changes);

  // The present state.
  ObjectMap Snapshot() const;
  // The token from which a watch misses nothing after `revision`.
  std::string TokenFor(std::int64_t revision) const;

  // See Resources::StartWatch.
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const Query& query, const std::string& resume,
                                                    const Cancellation* cancellation);

  // Watches that are running.
  std::size_t watches() const;

 private:
  class HubWatch;

  using Watches = absl::flat_hash_set<HubWatch*>;

  void Add(HubWatch& watch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(HubWatch& watch);
  // Adds `change` to what the watches shall look at that it may concern.
  using Offers = absl::flat_hash_map<HubWatch*, std::vector<const Change*>>;
  void Offer(const Change& change, Offers& offers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  const std::string epoch_;

  mutable Mutex mu_;
  ObjectMap objects_ ABSL_GUARDED_BY(mu_);
  std::deque<Change> history_ ABSL_GUARDED_BY(mu_);
  // Changes up to this revision are not in the history any more.
  std::int64_t forgotten_ ABSL_GUARDED_BY(mu_) = 0;
  // By the host that their query names; empty: any.
  absl::flat_hash_map<std::string, Watches> watches_ ABSL_GUARDED_BY(mu_);
  std::size_t size_ ABSL_GUARDED_BY(mu_) = 0;
  // What concerns a watch up to this revision is in its queue.
  std::atomic<std::int64_t> offered_ = 0;
};

}  // namespace espalier
