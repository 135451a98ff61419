#include "engine/model/vm_run.h"

namespace espalier {

bool IsTerminal(v1::VmObserved::Phase phase) {
  return phase == v1::VmObserved::STOPPED || phase == v1::VmObserved::FAILED ||
         phase == v1::VmObserved::FENCED;
}

const v1::VmObserved* ReportOfRun(const v1::Resource& vm) {
  const v1::VmStatus& status = vm.vm().status();
  const bool current = status.observed().uid() == vm.metadata().uid() &&
                       status.observed().attempt() == status.placement().attempt();
  return current ? &status.observed() : nullptr;
}

bool HasStarted(const v1::VmObserved* report) {
  return report != nullptr && (report->phase() == v1::VmObserved::STARTING ||
                               report->phase() == v1::VmObserved::RUNNING ||
                               report->phase() == v1::VmObserved::STOPPING);
}

bool MayBeKept(const v1::Resource& vm) {
  const v1::VmPlacement& placement = vm.vm().status().placement();
  if (vm.vm().spec().partition() == v1::VmSpec::KEEP || placement.kept()) return true;
  if (placement.kept_changes() == 0) return false;
  const v1::VmObserved* report = ReportOfRun(vm);
  return report == nullptr || report->kept_changes() != placement.kept_changes();
}

v1::RetiringRun RetiringRunOf(const v1::Resource& vm) {
  const v1::VmPlacement& placement = vm.vm().status().placement();
  v1::RetiringRun run;
  run.set_uid(vm.metadata().uid());
  run.set_host(placement.host());
  run.set_attempt(placement.attempt());
  run.set_macos(placement.image_os() == "darwin");
  run.set_cpu(vm.vm().spec().cpu());
  run.set_memory_mib(vm.vm().spec().memory_mib());
  const v1::VmObserved* report = ReportOfRun(vm);
  if (HasStarted(report)) run.set_boot_id(report->boot_id());
  run.set_kept(MayBeKept(vm));
  return run;
}

}  // namespace espalier
