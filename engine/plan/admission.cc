#include "engine/plan/admission.h"

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"
#include "engine/model/hold.h"
#include "engine/model/policy.h"
#include "engine/model/vm_run.h"

namespace espalier {
namespace {

std::string WhyHostStays(const Objects& objects, const Resource& resource) {
  if (resource.host().spec().drain_on_destroy()) return "";
  int running = 0;
  std::string first;
  std::string has_disk;
  objects.ForEach([&](const Resource& other) {
    if (!other.has_vm()) return;
    const v1::VmPlacement& placement = other.vm().status().placement();
    if (placement.disk_host() == resource.metadata().name()) has_disk = ToHuman(RefOf(other));
    if (placement.host() != resource.metadata().name() || !MayBeRunning(other.vm())) return;
    if (running++ == 0) first = ToHuman(RefOf(other));
  });
  if (running == 0 && !has_disk.empty()) {
    return absl::StrCat(has_disk,
                        " is powered off and has its disk on it; delete it, or set "
                        "drain_on_destroy");
  }
  if (running == 0) return "";
  return absl::StrCat(running == 1 ? absl::StrCat(first, " runs on it")
                                   : absl::StrCat(running, " VMs run on it (", first, ", ...)"),
                      "; drain it first, or set drain_on_destroy");
}

// A member goes with what its controller works for.
bool GoesWithItsOwner(const Objects& objects, const Resource& member, const std::set<Ref>& going) {
  if (member.metadata().owner().manager() != v1::Owner::CONTROLLER) return false;
  const absl::StatusOr<Ref> whole = ParseRef(member.metadata().owner().instance());
  if (!whole.ok()) return false;
  const Resource* standing = objects.Find(*whole);
  return going.contains(*whole) || standing == nullptr || standing->metadata().has_deleting_since();
}

std::string WhyNamespaceStays(const Objects& objects, const Resource& current,
                              const std::set<Ref>& going) {
  int count = 0;
  std::string first;
  objects.ForEach([&](const Resource& other) {
    if (other.metadata().namespace_() != current.metadata().name()) return;
    if (going.contains(RefOf(other)) || other.metadata().has_deleting_since()) return;
    if (GoesWithItsOwner(objects, other, going)) return;
    if (count++ == 0) first = ToHuman(RefOf(other));
  });
  if (count == 0) return "";
  return absl::StrCat("has ", count, count == 1 ? " object" : " objects", " in it (", first,
                      count > 1 ? ", ...)" : ")");
}

}  // namespace

bool MayBeRunning(const v1::Vm& vm) {
  const v1::VmPlacement& placement = vm.status().placement();
  if (placement.host().empty()) return false;
  return vm.status().observed().attempt() != placement.attempt() ||
         !IsTerminal(vm.status().observed().phase());
}

std::string WhyNotDeletable(const Objects& objects, const Resource& resource,
                            const std::set<Ref>& going) {
  if (resource.has_host()) return WhyHostStays(objects, resource);
  if (resource.has_namespace_()) return WhyNamespaceStays(objects, resource, going);
  return "";
}

std::string WhyNotPruned(const Resource& resource, absl::Time now) {
  if (const v1::Hold* hold = StandingHold(resource.metadata(), kSuspendHold, now)) {
    return SuspendedText(*hold);
  }
  if (!PoliciesOf(resource.metadata().annotations()).prune) {
    return absl::StrCat(kPrunePolicy, " is disabled");
  }
  const v1::VmPlacement& placement = resource.vm().status().placement();
  std::string silent;
  if (placement.phase() == v1::VmPlacement::UNKNOWN) silent = placement.host();
  if (resource.host().status().liveness().state() == v1::HostLiveness::UNKNOWN) {
    silent = resource.metadata().name();
  }
  if (silent.empty()) return "";
  return absl::StrCat("host ", silent, " is silent; delete it by name if it is gone for good");
}

void StartNewIncarnation(const Resource& before, Resource& after) {
  MutableStatus(after)->Clear();
  if (!before.has_vm()) return;
  const v1::VmStatus& old_status = before.vm().status();
  v1::VmPlacement& placement = *after.mutable_vm()->mutable_status()->mutable_placement();
  *placement.mutable_retiring() = old_status.placement().retiring();
  *after.mutable_vm()->mutable_status()->mutable_ended() = old_status.ended();
  if (old_status.placement().host().empty()) return;
  const v1::VmObserved* report = ReportOfRun(before);
  if (report != nullptr && IsTerminal(report->phase())) return;
  *placement.add_retiring() = RetiringRunOf(before);
}

}  // namespace espalier
