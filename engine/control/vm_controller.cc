#include "engine/control/vm_controller.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/telemetry.h"
#include "engine/control/fleet.h"
#include "engine/control/lifecycle.h"
#include "engine/control/writes.h"
#include "engine/model/timestamp.h"

namespace espalier::control {
namespace {

std::set<std::string> HostsOf(const ResourcePtr& vm) {
  std::set<std::string> hosts;
  if (vm == nullptr) return hosts;
  const v1::VmPlacement& placement = vm->vm().status().placement();
  if (!placement.host().empty()) hosts.insert(placement.host());
  if (!placement.disk_host().empty()) hosts.insert(placement.disk_host());
  for (const v1::RetiringRun& run : placement.retiring()) hosts.insert(run.host());
  return hosts;
}

// What of a Host decides about the VMs on it.
bool SameForVms(const ResourcePtr& before, const ResourcePtr& after) {
  if (before == nullptr || after == nullptr) return false;
  return before->host().status().liveness().state() == after->host().status().liveness().state() &&
         before->host().status().observed().boot_id() ==
             after->host().status().observed().boot_id() &&
         WhyLeave(*before) == WhyLeave(*after);
}

}  // namespace

VmController::VmController(Clock& clock, Log& log, Resources& resources, ImageBook& images,
                           FenceBoard& fences)
    : clock_(clock),
      log_(log),
      resources_(resources),
      fences_(fences),
      placer_(clock, log, resources, images, fences) {}

void VmController::ImagesChanged() {
  images_changed_.store(true, std::memory_order_release);
  if (loop_ != nullptr) loop_->Add(PlacementName());
}

void VmController::Track(const Change& change) {
  const Ref ref = RefOf(change.any());
  const std::set<std::string> before = HostsOf(change.before);
  const std::set<std::string> after = HostsOf(change.after);
  for (const std::string& host : before) {
    if (after.contains(host)) continue;
    const auto found = vms_on_.find(host);
    if (found == vms_on_.end()) continue;
    found->second.erase(ref);
    if (found->second.empty()) vms_on_.erase(found);
  }
  for (const std::string& host : after) vms_on_[host].insert(ref);
}

void VmController::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  const Resource& object = change.any();
  const bool resync = change.before == change.after;
  if (object.has_vm()) {
    Track(change);
    if (change.after != nullptr) names.push_back(RefOf(object));
  } else if (object.has_host() && (resync || !SameForVms(change.before, change.after))) {
    const auto on = vms_on_.find(object.metadata().name());
    if (on != vms_on_.end()) names.insert(names.end(), on->second.begin(), on->second.end());
  }
  if (placer_.Learn(change)) names.push_back(PlacementName());
}

Outcome VmController::Reconcile(const Ref& name, Turn& turn) {
  if (name == PlacementName()) {
    if (images_changed_.exchange(false, std::memory_order_acq_rel)) placer_.LookAtAll();
    return placer_.Place(turn);
  }
  const Resource* vm = turn.now.Find(name);
  if (vm == nullptr) return Done{};
  // An older picture than the placement that was just written: the newer one is on its way.
  if (placer_.IsAhead(name, vm->metadata().revision())) return Done{};
  return ReconcileVm(*vm, turn);
}

Outcome VmController::ReconcileVm(const Resource& vm, Turn& turn) {
  const Settings settings = SettingsOf(turn.now);
  const auto host = [&](const std::string& name) {
    return FactsOf(name, turn.now, fences_, settings.run_lease);
  };
  const v1::VmPlacement& before = vm.vm().status().placement();
  const LifecycleDecision decision = Decide(vm, host, clock_.Now());
  if (decision.finalize) {
    const absl::Status status = WriteOne(resources_, turn, FinalWordOn(vm));
    if (!status.ok()) return Retry{status};
    log_.Info("gone", {{telemetry::kRef, ToString(RefOf(vm))}});
    return Done{};
  }

  const v1::VmPlacement& after = decision.placement;
  const bool was_pending =
      before.host().empty() && (before.phase() == v1::VmPlacement::PENDING ||
                                before.phase() == v1::VmPlacement::PHASE_UNSPECIFIED);
  const bool held = after.has_not_before() && TimeOf(after.not_before()) > clock_.Now();
  const bool blocked = std::any_of(after.retiring().begin(), after.retiring().end(),
                                   [&](const auto& run) { return MayLive(vm, run, host); });
  if (decision.pending && was_pending && !held && !blocked) {
    // The placement loop writes the whole of it: one write instead of two for every VM that starts.
    placer_.Consider(RefOf(vm));
    if (loop_ != nullptr) loop_->Add(PlacementName());
  } else if (decision.changed) {
    StatusWrite write = BasedOn(vm);
    v1::VmStatus& status = *write.mutable_resource()->mutable_vm()->mutable_status();
    *status.mutable_placement() = after;
    status.clear_ended();
    const absl::Status written = WriteOne(resources_, turn, write);
    if (!written.ok()) return Retry{written};
    if (after.phase() != before.phase()) {
      log_.Info("phase changed", {{telemetry::kRef, ToString(RefOf(vm))},
                                  {telemetry::kAttempt, after.attempt()},
                                  {telemetry::kHost, after.host()},
                                  {telemetry::kPhase, v1::VmPlacement::Phase_Name(after.phase())},
                                  {telemetry::kReason, after.why()}});
    }
    return decision.again == absl::InfiniteDuration() ? Outcome(Done{})
                                                      : RequeueAfter{decision.again};
  }
  if (after.phase() == v1::VmPlacement::EXPIRED) return DeleteExpired(vm, turn);
  if (decision.again == absl::InfiniteDuration()) return Done{};
  return RequeueAfter{decision.again};
}

// What somebody made by hand and let expire is not asked for any more; what is declared somewhere
// stays, since its declaration would only make it anew.
Outcome VmController::DeleteExpired(const Resource& vm, Turn& turn) {
  const Owner& owner = vm.metadata().owner();
  if (owner.manager() != Owner::CLI && owner.manager() != Owner::API) return Done{};
  DeleteRequest request;
  *request.mutable_ref() = ToProto(RefOf(vm));
  request.set_uid(vm.metadata().uid());
  *request.mutable_owner() = owner;
  const absl::StatusOr<ApplyResult> result = resources_.Delete(turn.context, request);
  if (absl::IsNotFound(result.status())) return Done{};
  if (!result.ok()) return Retry{result.status()};
  turn.Wrote(result->revision());
  return Done{};
}

}  // namespace espalier::control
