// HostController: stores when hosts fall silent and when they are heard again, and lets a host that
// is being deleted go once nothing runs on it. Lives on one loop's thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/api/sessions.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/control/fencing.h"
#include "engine/control/fleet.h"
#include "engine/loop/loop.h"

namespace espalier::control {

class HostController final : public Reconciler {
 public:
  // All borrowed.
  HostController(Clock& clock, Log& log, Resources& resources, const Sessions& sessions,
                 FenceBoard& fences);

  // A pass over all sessions.
  static Ref SweepName() { return Ref{kNoKind, "", "sessions"}; }

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;
  void Woken(Queue& queue) override;

  // Raised by Sessions when a host is heard that was not; raise the loop's wakeup after it.
  Wakeup& heard() { return heard_; }

 private:
  Outcome Sweep(Turn& turn);
  Outcome ReconcileHost(const Resource& host, Turn& turn);
  bool IsEmpty(const std::string& host, const Snapshot& now);

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  const Sessions& sessions_;
  FenceBoard& fences_;
  Wakeup heard_;

  // The loop's thread.
  absl::Duration swept_at_ = -absl::InfiniteDuration();
};

}  // namespace espalier::control
