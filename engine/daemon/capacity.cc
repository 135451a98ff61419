#include "engine/daemon/capacity.h"

#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"

namespace espalier {
namespace {

// The Image that a Vm names, if it does and the engine has it.
const Resource* ImageOf(const Objects& objects, const Resource& vm) {
  for (const Reference& reference : ReferencesOf(vm)) {
    if (reference.path == "spec.image") return objects.Find(reference.target);
  }
  return nullptr;
}

std::uint32_t MembersOf(const Resource* pool) {
  return pool == nullptr ? 0 : pool->vm_pool().spec().replicas();
}

// What becoming `after` adds to what shall run.
void AddWishes(const Objects& before, const Resource& after, std::vector<sched::Wish>& wishes) {
  if (after.has_vm()) {
    if (after.vm().spec().power() == v1::VmSpec::OFF) return;
    wishes.push_back(sched::WishOf(after, ImageOf(before, after)));
    return;
  }
  if (!after.has_vm_pool()) return;
  Resource member;
  *member.mutable_metadata() = after.metadata();
  *member.mutable_vm()->mutable_spec() = after.vm_pool().spec().template_();
  sched::Wish wish = sched::WishOf(member, ImageOf(before, member));
  const std::string pool = wish.vm.name;
  for (std::uint32_t i = MembersOf(before.Find(RefOf(after))); i < MembersOf(&after); ++i) {
    // Each is a VM of its own, which has no name yet; no VM can be called so.
    wish.vm.name = absl::StrCat(pool, "#", i);
    wishes.push_back(wish);
  }
}

// Brings what the scheduler knows from one snapshot to another.
void CatchUp(const ObjectMap& known, const ObjectMap& objects, sched::Scheduler& scheduler) {
  ObjectMap::ForEachDifference(known, objects, [&](const Resource* before, const Resource* after) {
    if (after != nullptr) {
      scheduler.Put(*after);
    } else {
      scheduler.Remove(RefOf(*before));
    }
  });
  const Resource* cluster = objects.Find(Ref{Kind::kCluster, "", "default"});
  const bool says = cluster != nullptr && cluster->cluster().spec().has_scheduling();
  scheduler.SetStrategy(says ? cluster->cluster().spec().scheduling() : v1::ClusterSpec::SPREAD);
}

}  // namespace

v1::Capacity CapacityBook::VerdictOf(const ObjectMap& before, const EarlierObjects& earlier,
                                     const PlanOutput& plan) {
  std::vector<const Resource*> leaving;
  std::vector<sched::Wish> added;
  std::set<Ref> planned;
  for (const PlannedWrite& write : plan.writes) {
    if (!write.after.has_value() || write.new_incarnation) {
      const Resource* standing = before.Find(write.ref);
      if (standing != nullptr && standing->has_vm()) leaving.push_back(standing);
    }
    const bool wants = write.after.has_value() && (write.new_incarnation || !write.after->has_vm());
    if (wants) AddWishes(before, *write.after, added);
    planned.insert(write.ref);
  }
  if (added.empty()) return {};
  std::vector<sched::Wish> wishes;
  for (const auto& object : earlier) {
    if (!planned.contains(RefOf(*object))) AddWishes(before, *object, wishes);
  }
  std::move(added.begin(), added.end(), std::back_inserter(wishes));
  MutexLock lock(mu_);
  CatchUp(known_, before, scheduler_);
  known_ = before;
  for (const Resource* vm : leaving) scheduler_.Remove(RefOf(*vm));
  v1::Capacity capacity = sched::CapacityOf(scheduler_, wishes);
  for (const Resource* vm : leaving) scheduler_.Put(*vm);
  return capacity;
}

}  // namespace espalier
