// CapacityBook: the scheduler's verdict about a plan, for LocalResources: whether all that it makes
// run finds room beside what stays. What is known of the fleet is kept from one verdict to the next
// and brought up to each plan's snapshot by what differs: a plan of one VM costs the same however
// large the fleet is. Owned by the daemon. Thread-safe; verdicts are made one at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/mutex.h"
#include "engine/sched/sched.h"
#include "engine/server/local_resources.h"

namespace espalier {

class CapacityBook {
 public:
  // `earlier` is counted beside the plan.
  v1::Capacity VerdictOf(const ObjectMap& before, const EarlierObjects& earlier,
                         const PlanOutput& plan);

 private:
  struct KnownImage {
    std::string os;
    std::string arch;
  };
  using KnownImages = std::map<std::string, KnownImage>;

  // Brings scheduler and images from one snapshot to another.
  static void CatchUp(const ObjectMap& known, const ObjectMap& objects, sched::Scheduler& scheduler,
                      KnownImages& images);
  // What becoming `after` adds to what shall run.
  static void AddWishes(const Objects& before, const KnownImages& images, const Resource& after,
                        std::vector<sched::Wish>& wishes);

  Mutex mu_;
  // What the scheduler was told.
  ObjectMap known_ ABSL_GUARDED_BY(mu_);
  // What VMs that were placed tell of the OCI reference that they name, if nothing else describes
  // it.
  KnownImages images_ ABSL_GUARDED_BY(mu_);
  sched::Scheduler scheduler_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
