// VmController: takes every VM through its life (lifecycle.h) and gives pending ones a host
// (placer.h). The only writer of VmStatus.placement. Lives on one loop's thread.
#pragma once

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/control/fencing.h"
#include "engine/control/image_book.h"
#include "engine/control/placer.h"
#include "engine/loop/loop.h"

namespace espalier::control {

class VmController final : public Reconciler {
 public:
  // All borrowed.
  VmController(Clock& clock, Log& log, Resources& resources, ImageBook& images, FenceBoard& fences);

  // Where it adds names that no change brings. Before the loop starts.
  void Attach(Loop& loop) { loop_ = &loop; }

  // The serial placement loop's name.
  static Ref PlacementName() { return Ref{kNoKind, "", "placement"}; }

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

  // Images may be known now that were not. Thread-safe.
  void ImagesChanged();

  // For audits: REQUIRES that the loop is not in a step.
  const sched::Scheduler& scheduler() const { return placer_.scheduler(); }

 private:
  void Track(const Change& change);
  Outcome ReconcileVm(const Resource& vm, Turn& turn);
  Outcome DeleteExpired(const Resource& vm, Turn& turn);

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  FenceBoard& fences_;
  Loop* loop_ = nullptr;
  std::atomic<bool> images_changed_ = false;

  // The loop's thread.
  Placer placer_;
  // Who runs, or still ends, on a host.
  std::map<std::string, std::set<Ref>> vms_on_;
};

}  // namespace espalier::control
