#include "engine/daemon/capacity.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"

namespace espalier {
namespace {

// References that are kept; there are rarely more than dozens.
constexpr std::size_t kImages = 10000;

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

}  // namespace

void CapacityBook::AddWishes(const Objects& before, const KnownImages& images,
                             const Resource& after, std::vector<sched::Wish>& wishes) {
  const bool is_pool = after.has_vm_pool();
  if (!is_pool && (!after.has_vm() || after.vm().spec().power() == v1::VmSpec::OFF)) return;
  Resource member;
  if (is_pool) {
    *member.mutable_metadata() = after.metadata();
    *member.mutable_vm()->mutable_spec() = after.vm_pool().spec().template_();
  }
  const Resource& vm = is_pool ? member : after;
  sched::Wish wish = sched::WishOf(vm, ImageOf(before, vm));
  const auto image = images.find(vm.vm().spec().image());
  if (wish.os.empty() && image != images.end()) {
    wish.os = image->second.os;
    wish.arch = image->second.arch;
  }
  if (!is_pool) {
    wishes.push_back(std::move(wish));
    return;
  }
  const std::string pool = wish.vm.name;
  for (std::uint32_t i = MembersOf(before.Find(RefOf(after))); i < MembersOf(&after); ++i) {
    // Each is a VM of its own, which has no name yet; no VM can be called so.
    wish.vm.name = absl::StrCat(pool, "#", i);
    wishes.push_back(wish);
  }
}

void CapacityBook::CatchUp(const ObjectMap& known, const ObjectMap& objects,
                           sched::Scheduler& scheduler, KnownImages& images) {
  ObjectMap::ForEachDifference(known, objects, [&](const Resource* before, const Resource* after) {
    if (after == nullptr) {
      scheduler.Remove(RefOf(*before));
      return;
    }
    scheduler.Put(*after);
    const v1::VmPlacement& placement = after->vm().status().placement();
    if (placement.image_os().empty()) return;
    if (images.size() >= kImages) images.clear();
    images[after->vm().spec().image()] = {placement.image_os(), placement.image_arch()};
  });
  const Resource* cluster = objects.Find(Ref{Kind::kCluster, "", "default"});
  const bool says = cluster != nullptr && cluster->cluster().spec().has_scheduling();
  scheduler.SetStrategy(says ? cluster->cluster().spec().scheduling() : v1::ClusterSpec::SPREAD);
}

v1::Capacity CapacityBook::VerdictOf(const ObjectMap& before, const EarlierObjects& earlier,
                                     const PlanOutput& plan) {
  if (std::none_of(plan.writes.begin(), plan.writes.end(), MakesVms)) return {};
  MutexLock lock(mu_);
  CatchUp(known_, before, scheduler_, images_);
  known_ = before;
  std::vector<const Resource*> leaving;
  std::vector<sched::Wish> added;
  std::set<Ref> planned;
  for (const PlannedWrite& write : plan.writes) {
    if (!write.after.has_value() || write.new_incarnation) {
      const Resource* standing = before.Find(write.ref);
      if (standing != nullptr && standing->has_vm()) leaving.push_back(standing);
    }
    if (MakesVms(write)) AddWishes(before, images_, *write.after, added);
    planned.insert(write.ref);
  }
  if (added.empty()) return {};
  std::vector<sched::Wish> wishes;
  for (const auto& object : earlier) {
    if (!planned.contains(RefOf(*object))) AddWishes(before, images_, *object, wishes);
  }
  std::move(added.begin(), added.end(), std::back_inserter(wishes));
  for (const Resource* vm : leaving) scheduler_.Remove(RefOf(*vm));
  v1::Capacity capacity = sched::CapacityOf(scheduler_, wishes);
  for (const Resource* vm : leaving) scheduler_.Put(*vm);
  return capacity;
}

}  // namespace espalier
