// Placer: the one place where VMs get hosts. It follows all Hosts and Vms into a sched::Scheduler,
// takes all that are pending in batches, and keeps its own writes as booked until its view shows
// them: nothing is booked twice, nothing is counted. Belongs to the Vm controller and its loop's
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/control/fencing.h"
#include "engine/control/image_book.h"
#include "engine/control/lifecycle.h"
#include "engine/loop/loop.h"
#include "engine/sched/sched.h"

namespace espalier::control {

class Placer {
 public:
  // All borrowed.
  Placer(Clock& clock, Log& log, Resources& resources, ImageBook& images, FenceBoard& fences);

  // Learns a change of the view, before anything is decided on it. True if a pass may now place
  // what the last one could not, or has something new to place.
  bool Learn(const Reconciler::Change& change);
  // Look at all pending VMs in the next pass: what they wait for may have come.
  void LookAtAll() { all_ = true; }
  // This VM is pending and its time may have come.
  void Consider(const Ref& vm);

  // Whether a write of this placer is not in the view yet: `seen` is an older picture of the VM.
  bool IsAhead(const Ref& vm, std::int64_t seen_revision) const;

  // One pass over what is to be looked at; writes placements and reasons.
  Outcome Place(Turn& turn);

  const sched::Scheduler& scheduler() const { return scheduler_; }

 private:
  struct Planned {
    Ref vm;
    // Placed, or pending with another reason.
    bool placed = false;
    StatusWrite write;
  };

  void Forget(const Ref& vm);
  // The oldest first; at most a batch.
  std::vector<const Resource*> Candidates(const Snapshot& now);
  bool Plan(const Resource& vm, const Snapshot& now, HostLookup host, Planned& planned);
  Outcome Write(Turn& turn, std::vector<Planned>& planned);
  void ReadBack(Turn& turn);
  // Makes the index say what the view says of the VM.
  void TakeBack(const Ref& vm, const Snapshot& now);

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  ImageBook& images_;
  FenceBoard& fences_;

  sched::Scheduler scheduler_;
  // Pending by the view, by creation and name.
  std::set<std::pair<std::int64_t, Ref>> pending_;
  absl::flat_hash_map<Ref, std::int64_t> pending_since_;
  // Of them, those to look at, in the same order; all of them if all_.
  std::set<std::pair<std::int64_t, Ref>> fresh_;
  bool all_ = false;
  // Own writes that the view does not show yet, with their revision.
  absl::flat_hash_map<Ref, std::int64_t> assumed_;
  // Own writes of which nobody knows whether they happened. They stay booked until they are read
  // back.
  std::set<Ref> unknown_;
  // When the reason of a pending VM was written last (Elapsed()).
  absl::flat_hash_map<Ref, absl::Duration> reason_at_;
  // When all are looked at although nothing has changed: a reason was held back, or a registry did
  // not know an image yet.
  absl::Duration look_again_at_ = absl::InfiniteDuration();
};

}  // namespace espalier::control
