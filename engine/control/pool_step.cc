// The decision of PoolController, without any call.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "engine/control/pool_controller.h"
#include "engine/model/diff.h"
#include "engine/model/hold.h"
#include "engine/model/policy.h"
#include "engine/model/timestamp.h"

namespace espalier::control {
namespace {

using Placement = v1::VmPlacement;

// A member that has ended for good is looked at for so long before another takes its place: a
// template that cannot run shall not make VMs as fast as they fail.
constexpr absl::Duration kEndedPause = absl::Seconds(10);
// The default of VmPoolSpec.canary_seconds.
constexpr std::uint32_t kCanarySeconds = 60;

const Placement& PlacementOf(const Resource& vm) { return vm.vm().status().placement(); }

bool IsOutdated(const Resource& vm, const std::string& hash) {
  const auto made_from = vm.metadata().annotations().find(kTemplateNote);
  return made_from == vm.metadata().annotations().end() || made_from->second != hash;
}

bool Runs(const Resource& vm) { return PlacementOf(vm).phase() == Placement::RUNNING; }

bool HasEnded(const Resource& vm) {
  const Placement& placement = PlacementOf(vm);
  return placement.stop() &&
         (placement.phase() == Placement::STOPPED || placement.phase() == Placement::FAILED ||
          placement.phase() == Placement::EXPIRED);
}

// Somebody keeps it as it is, to look into it perhaps: the pool goes on without touching it.
bool IsKept(const Resource& vm, absl::Time now) {
  return StandingHold(vm.metadata(), kSuspendHold, now) != nullptr;
}

// A job runs in it.
bool IsClaimed(const Resource& vm, absl::Time now) {
  return Runs(vm) && StandingHold(vm.metadata(), kClaimHold, now) != nullptr;
}

absl::Time ProvenAt(const Resource& vm, const v1::VmPoolSpec& pool) {
  const std::uint32_t seconds = pool.has_canary_seconds() ? pool.canary_seconds() : kCanarySeconds;
  return TimeOf(PlacementOf(vm).since()) + absl::Seconds(seconds);
}

// What the members that have the present template say of it.
struct Trial {
  int updated = 0;
  int proven = 0;
  // One that did not get to run, or did not for long.
  const Resource* failed = nullptr;
  // When the next of them is proven.
  absl::Time next = absl::InfiniteFuture();
};

Trial TrialOf(const v1::VmPoolSpec& pool, const std::vector<const Resource*>& members,
              const std::string& hash, absl::Time now) {
  Trial trial;
  for (const Resource* member : members) {
    if (IsOutdated(*member, hash)) continue;
    ++trial.updated;
    const absl::Time proven_at = ProvenAt(*member, pool);
    if (Runs(*member) && now >= proven_at) {
      ++trial.proven;
      continue;
    }
    if (Runs(*member)) trial.next = std::min(trial.next, proven_at);
    const Placement& placement = PlacementOf(*member);
    if (placement.phase() == Placement::FAILED || placement.failures() > 0) trial.failed = member;
  }
  return trial;
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
    return TimeOf(a->metadata().created_at()) < TimeOf(b->metadata().created_at());
  });

  int excess = static_cast<int>(order.size()) - wanted;
  std::erase_if(order, [&](const Resource* member) {
    if (excess <= 0 || IsKept(*member, now) || IsClaimed(*member, now)) return false;
    --excess;
    step.remove.push_back(member);
    return true;
  });
  for (const Resource* member : order) {
    if (!IsKept(*member, now) && HasEnded(*member) &&
        now >= TimeOf(PlacementOf(*member).since()) + kEndedPause) {
      step.remove.push_back(member);
    }
  }
  // One that leaves still has its name and its room; another may wait for it, but is there.
  step.create = std::max(0, wanted - static_cast<int>(order.size()));

  const int running = static_cast<int>(
      std::count_if(order.begin(), order.end(), [](const Resource* vm) { return Runs(*vm); }));
  const int may_be_missing =
      pool.has_max_unavailable() ? static_cast<int>(pool.max_unavailable()) : 1;
  const Trial trial = TrialOf(pool, order, hash, now);
  const int canaries = std::min(static_cast<int>(pool.canary()), wanted);
  int budget = std::max(0, may_be_missing - std::max(0, wanted - running));
  if (trial.failed != nullptr) {
    budget = 0;
  } else if (trial.proven < canaries) {
    budget = std::min(budget, std::max(0, canaries - trial.updated));
  }
  const Resource* claimed = nullptr;
  bool waits = false;
  for (const Resource* member : order) {
    if (!IsOutdated(*member, hash) || IsKept(*member, now)) continue;
    if (std::find(step.remove.begin(), step.remove.end(), member) != step.remove.end()) continue;
    // What does not run is no loss.
    if (!Runs(*member)) {
      step.update.push_back(member);
    } else if (IsClaimed(*member, now)) {
      claimed = member;
    } else if (budget > 0) {
      step.update.push_back(member);
      --budget;
    } else {
      waits = true;
    }
  }
  if (waits && trial.failed != nullptr) {
    const Placement& placement = PlacementOf(*trial.failed);
    step.stopped = absl::StrCat("the roll stopped: ", trial.failed->metadata().name(),
                                " fails with the new template", placement.why().empty() ? "" : ": ",
                                placement.why());
    step.look_again = trial.next;
  } else if (waits && trial.proven < canaries) {
    step.waits = absl::StrCat(trial.proven, " of ", canaries, " canaries have proven themselves");
    step.look_again = trial.next;
  } else if (claimed != nullptr) {
    step.waits = absl::StrCat("waits for ", claimed->metadata().name(), ", ",
                              ClaimedText(*StandingHold(claimed->metadata(), kClaimHold, now)));
  }
  return step;
}

}  // namespace espalier::control
