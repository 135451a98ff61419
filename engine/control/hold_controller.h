// HoldController: takes away holds whose time is over, on any object that the loop watches. Lives
// on one loop's thread.
#pragma once

#include <vector>

#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/loop/loop.h"

namespace espalier::control {

class HoldController final : public Reconciler {
 public:
  // All borrowed.
  HoldController(Clock& clock, Log& log, Resources& resources)
      : clock_(clock), log_(log), resources_(resources) {}

  // The object that a name of this controller is about: names are those of objects, in a kind of
  // their own, since another controller of the loop may use the object's.
  static Ref NameFor(const Ref& object);

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

 private:
  Clock& clock_;
  Log& log_;
  Resources& resources_;
};

}  // namespace espalier::control
