#include "engine/plan/admission.h"

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"
#include "engine/model/ref.h"

namespace espalier {
namespace {

bool IsTerminal(v1::VmObserved::Phase phase) {
  return phase == v1::VmObserved::STOPPED || phase == v1::VmObserved::FAILED ||
         phase == v1::VmObserved::FENCED;
}

// Whether the last report is about the run that is placed now.
bool ReportsCurrentRun(const std::string& uid, const v1::VmStatus& status) {
  return status.observed().uid() == uid &&
         status.observed().attempt() == status.placement().attempt();
}

}  // namespace

bool MayBeRunning(const v1::Vm& vm) {
  const v1::VmPlacement& placement = vm.status().placement();
  if (placement.host().empty()) return false;
  return vm.status().observed().attempt() != placement.attempt() ||
         !IsTerminal(vm.status().observed().phase());
}

std::string WhyNotDeletable(const Objects& objects, const Resource& resource) {
  if (!resource.has_host() || resource.host().spec().drain_on_destroy()) return "";
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

void StartNewIncarnation(const Resource& before, Resource& after) {
  MutableStatus(after)->Clear();
  if (!before.has_vm()) return;
  const v1::VmStatus& old_status = before.vm().status();
  v1::VmPlacement& placement = *after.mutable_vm()->mutable_status()->mutable_placement();
  *placement.mutable_retiring() = old_status.placement().retiring();
  *after.mutable_vm()->mutable_status()->mutable_ended() = old_status.ended();
  if (old_status.placement().host().empty()) return;
  const bool ended = ReportsCurrentRun(before.metadata().uid(), old_status) &&
                     IsTerminal(old_status.observed().phase());
  if (ended) return;
  v1::RetiringRun& run = *placement.add_retiring();
  run.set_uid(before.metadata().uid());
  run.set_host(old_status.placement().host());
  run.set_attempt(old_status.placement().attempt());
  run.set_macos(old_status.placement().image_os() == "darwin");
  run.set_cpu(before.vm().spec().cpu());
  run.set_memory_mib(before.vm().spec().memory_mib());
  if (ReportsCurrentRun(before.metadata().uid(), old_status) &&
      old_status.observed().phase() != v1::VmObserved::PULLING) {
    run.set_boot_id(old_status.observed().boot_id());
  }
}

}  // namespace espalier
