// The decision of PoolController, without any call.
#include <algorithm>
#include <cstddef>

#include "engine/control/pool_controller.h"
#include "engine/control/timestamps.h"
#include "engine/model/diff.h"

namespace espalier::control {
namespace {

using Placement = v1::VmPlacement;

// A member that has ended for good is looked at for so long before another takes its place: a
// template that cannot run shall not make VMs as fast as they fail.
constexpr absl::Duration kEndedPause = absl::Seconds(10);

const Placement& PlacementOf(const Resource& vm) { return vm.vm().status().placement(); }

bool IsOutdated(const Resource& vm, const std::string& hash) {
  const auto made_from = vm.metadata().annotations().find(kTemplateAnnotation);
  return made_from == vm.metadata().annotations().end() || made_from->second != hash;
}

bool Runs(const Resource& vm) { return PlacementOf(vm).phase() == Placement::RUNNING; }

bool HasEnded(const Resource& vm) {
  const Placement& placement = PlacementOf(vm);
  return placement.stop() &&
         (placement.phase() == Placement::STOPPED || placement.phase() == Placement::FAILED ||
          placement.phase() == Placement::EXPIRED);
}

// Smaller goes first: what runs nowhere, then what does not run, then what is outdated, then the
// older.
int Worth(const Resource& vm, const std::string& hash) {
  int worth = 0;
  if (!PlacementOf(vm).host().empty()) worth += 4;
  if (Runs(vm)) worth += 2;
  if (!IsOutdated(vm, hash)) worth += 1;
  return worth;
}

}  // namespace

std::string TemplateHash(const Resource& pool) {
  Resource like;
  *like.mutable_metadata()->mutable_labels() = pool.metadata().labels();
  *like.mutable_vm()->mutable_spec() = pool.vm_pool().spec().template_();
  return SpecHash(like).substr(0, 16);
}

PoolStep StepOf(const v1::VmPoolSpec& pool, const std::vector<const Resource*>& members,
                const std::string& hash, absl::Time now) {
  PoolStep step;
  const int wanted = static_cast<int>(pool.replicas());
  std::vector<const Resource*> order = members;
  std::stable_sort(order.begin(), order.end(), [&](const Resource* a, const Resource* b) {
    const int worth_a = Worth(*a, hash);
    const int worth_b = Worth(*b, hash);
    if (worth_a != worth_b) return worth_a < worth_b;
    return FromTimestamp(a->metadata().created_at()) < FromTimestamp(b->metadata().created_at());
  });

  const int excess = static_cast<int>(order.size()) - wanted;
  if (excess > 0) {
    step.remove.assign(order.begin(), order.begin() + excess);
    order.erase(order.begin(), order.begin() + excess);
  }
  for (const Resource* member : order) {
    if (HasEnded(*member) && now >= FromTimestamp(PlacementOf(*member).since()) + kEndedPause) {
      step.remove.push_back(member);
    }
  }
  // One that leaves still has its name and its room; another may wait for it, but is there.
  step.create = std::max(0, wanted - static_cast<int>(order.size()));

  const int running = static_cast<int>(
      std::count_if(order.begin(), order.end(), [](const Resource* vm) { return Runs(*vm); }));
  const int may_be_missing =
      pool.has_max_unavailable() ? static_cast<int>(pool.max_unavailable()) : 1;
  int budget = std::max(0, may_be_missing - std::max(0, wanted - running));
  for (const Resource* member : order) {
    if (!IsOutdated(*member, hash)) continue;
    if (std::find(step.remove.begin(), step.remove.end(), member) != step.remove.end()) continue;
    // What does not run is no loss.
    if (!Runs(*member)) {
      step.update.push_back(member);
    } else if (budget > 0) {
      step.update.push_back(member);
      --budget;
    }
  }
  return step;
}

}  // namespace espalier::control
