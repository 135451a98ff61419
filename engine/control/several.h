// Several: controllers that share one loop and its view. Each sees every change; a name goes to the
// one that it is routed to. Lives on the loop's thread.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/loop/loop.h"

namespace espalier::control {

class Several final : public Reconciler {
 public:
  // `route` names one of `members` for every name that they ask for.
  Several(std::vector<Reconciler*> members, std::function<Reconciler*(const Ref&)> route)
      : members_(std::move(members)), route_(std::move(route)) {}

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override {
    for (Reconciler* member : members_) member->NamesOf(change, now, names);
  }
  Outcome Reconcile(const Ref& name, Turn& turn) override {
    Reconciler* member = route_(name);
    ESPALIER_CHECK(member != nullptr);
    return member->Reconcile(name, turn);
  }
  void Woken(Queue& queue) override {
    for (Reconciler* member : members_) member->Woken(queue);
  }

 private:
  const std::vector<Reconciler*> members_;
  const std::function<Reconciler*(const Ref&)> route_;
};

}  // namespace espalier::control
