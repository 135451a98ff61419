#include "engine/daemon/capacity.h"

#include <set>
#include <vector>

#include "engine/model/access.h"
#include "engine/sched/sched.h"

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

// What a write adds to what shall run.
void AddWishes(const Objects& before, const PlannedWrite& write, std::vector<sched::Wish>& wishes) {
  if (write.after->has_vm()) {
    if (!write.new_incarnation) return;
    if (write.after->vm().spec().power() == v1::VmSpec::OFF) return;
    wishes.push_back(sched::WishOf(*write.after, ImageOf(before, *write.after)));
    return;
  }
  if (!write.after->has_vm_pool()) return;
  Resource member;
  *member.mutable_metadata() = write.after->metadata();
  *member.mutable_vm()->mutable_spec() = write.after->vm_pool().spec().template_();
  const sched::Wish wish = sched::WishOf(member, ImageOf(before, member));
  const std::uint32_t standing = MembersOf(before.Find(write.ref));
  for (std::uint32_t i = standing; i < MembersOf(&*write.after); ++i) wishes.push_back(wish);
}

}  // namespace

v1::Capacity CapacityVerdictOf(const Objects& before, const PlanOutput& plan) {
  std::set<Ref> replaced;
  std::vector<sched::Wish> wishes;
  for (const PlannedWrite& write : plan.writes) {
    if (!write.after.has_value() || write.new_incarnation) replaced.insert(write.ref);
    if (write.after.has_value()) AddWishes(before, write, wishes);
  }
  if (wishes.empty()) return {};
  std::vector<const Resource*> hosts;
  std::vector<const Resource*> vms;
  sched::Strategy strategy = v1::ClusterSpec::SPREAD;
  before.ForEach([&](const Resource& object) {
    if (object.has_host()) hosts.push_back(&object);
    if (object.has_vm() && replaced.count(RefOf(object)) == 0) vms.push_back(&object);
    if (object.has_cluster() && object.cluster().spec().has_scheduling()) {
      strategy = object.cluster().spec().scheduling();
    }
  });
  return sched::CapacityOf(hosts, vms, wishes, strategy);
}

}  // namespace espalier
