#include "engine/control/pool_controller.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/control/conditions.h"
#include "engine/control/writes.h"
#include "engine/model/policy.h"
#include "engine/model/problem.h"
#include "engine/model/timestamp.h"

namespace espalier::control {
namespace {

// A pool of many members is not counted anew for each of their events.
constexpr absl::Duration kLookPause = absl::Milliseconds(100);
constexpr int kManyMembers = 50;
// How long a refusal is believed.
constexpr absl::Duration kRefusedPause = absl::Seconds(30);
// Objects of one request: they are stored at once or not at all.
constexpr int kBatch = static_cast<int>(limits::kAtomicObjects);
constexpr int kSuffix = 5;

std::string InstanceOf(const Resource& pool) { return ToString(RefOf(pool)); }

Owner OwnerFor(const Resource& pool) {
  Owner owner;
  owner.set_manager(Owner::CONTROLLER);
  owner.set_instance(InstanceOf(pool));
  owner.set_source(pool.metadata().owner().source());
  owner.set_commit(pool.metadata().owner().commit());
  return owner;
}

bool IsMember(const Resource& vm, const std::string& instance) {
  return vm.metadata().owner().manager() == Owner::CONTROLLER &&
         vm.metadata().owner().instance() == instance;
}

Declared MemberOf(const Resource& pool, const std::string& name, const std::string& hash) {
  Declared declared;
  Resource& vm = *declared.mutable_resource();
  vm.mutable_metadata()->set_name(name);
  vm.mutable_metadata()->set_namespace_(pool.metadata().namespace_());
  *vm.mutable_metadata()->mutable_labels() = pool.metadata().labels();
  (*vm.mutable_metadata()->mutable_annotations())[kTemplateNote] = hash;
  *vm.mutable_vm()->mutable_spec() = pool.vm_pool().spec().template_();
  declared.set_source(pool.metadata().owner().source());
  return declared;
}

}  // namespace

void PoolController::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  const Resource& object = change.any();
  if (object.has_vm_pool()) {
    if (change.after == nullptr) {
      memory_.erase(RefOf(object));
    } else {
      names.push_back(RefOf(object));
    }
  } else if (object.has_vm() && object.metadata().owner().manager() == Owner::CONTROLLER) {
    const absl::StatusOr<Ref> pool = ParseRef(object.metadata().owner().instance());
    if (pool.ok() && pool->kind == Kind::kVmPool) names.push_back(*pool);
  }
}

PoolController::Members PoolController::MembersOf(const Resource& pool, const Snapshot& now) {
  Members members;
  const std::string instance = InstanceOf(pool);
  const std::string& ns = pool.metadata().namespace_();
  const std::string& name = pool.metadata().name();
  // '.' follows '-': every "<pool>-..." lies between the two.
  for (const Resource& vm : now.Between(Ref{Kind::kVm, ns, absl::StrCat(name, "-")},
                                        Ref{Kind::kVm, ns, absl::StrCat(name, ".")})) {
    if (!IsMember(vm, instance)) continue;
    if (vm.metadata().has_deleting_since()) {
      ++members.leaving;
    } else {
      members.there.push_back(&vm);
    }
  }
  return members;
}

Outcome PoolController::Reconcile(const Ref& name, Turn& turn) {
  const Resource* pool = turn.now.Find(name);
  if (pool == nullptr) return Done{};
  const Members members = MembersOf(*pool, turn.now);
  Memory& memory = memory_[name];
  if (static_cast<int>(members.there.size()) > kManyMembers) {
    const absl::Duration wait = memory.looked_at + kLookPause - clock_.Elapsed();
    if (wait > absl::ZeroDuration()) return RequeueAfter{wait};
    memory.looked_at = clock_.Elapsed();
  }

  if (pool->metadata().has_deleting_since()) {
    if (members.there.empty() && members.leaving == 0) {
      const absl::Status status = WriteOne(resources_, turn, FinalWordOn(*pool));
      if (!status.ok()) return Retry{status};
      log_.Info("gone", {{telemetry::kRef, ToString(name)}});
      return Done{};
    }
    const absl::Status status = Remove(*pool, members.there, turn);
    if (!status.ok()) return Retry{status};
    return Done{};
  }

  const std::string hash = TemplateHash(*pool);
  // A template that is refused is the user's to mend. Its reason names what was tried, which is
  // another name each time: it is believed for a while rather than tried with every event.
  const bool refused_before = !memory.refused.empty() &&
                              memory.refused_generation == pool->metadata().generation() &&
                              clock_.Elapsed() < memory.refused_until;
  absl::Status done;
  PoolStep step;
  if (!refused_before) {
    memory.refused.clear();
    step = StepOf(pool->vm_pool().spec(), members.there, hash, clock_.Now());
    done = Remove(*pool, step.remove, turn);
    if (done.ok()) done = Apply(*pool, step, hash, turn);
    if (absl::IsInvalidArgument(done)) {
      memory.refused = std::string(done.message());
      memory.refused_generation = pool->metadata().generation();
      memory.refused_until = clock_.Elapsed() + kRefusedPause;
      done = absl::OkStatus();
    }
  }
  const absl::Status written = WriteStatus(*pool, members, hash, memory.refused, step, turn);
  if (!done.ok()) return Retry{done};
  if (!written.ok()) return Retry{written};
  if (!memory.refused.empty()) return RequeueAfter{memory.refused_until - clock_.Elapsed()};
  const bool has_ended =
      std::any_of(members.there.begin(), members.there.end(),
                  [](const auto* vm) { return vm->vm().status().placement().stop(); });
  if (has_ended) return RequeueAfter{absl::Seconds(10)};
  if (step.look_again < absl::InfiniteFuture()) {
    return RequeueAfter{std::max(absl::Milliseconds(1), step.look_again - clock_.Now())};
  }
  return Done{};
}

absl::Status PoolController::Remove(const Resource& pool,
                                    const std::vector<const Resource*>& members, Turn& turn) {
  for (const Resource* member : members) {
    DeleteRequest request;
    *request.mutable_ref() = ToProto(RefOf(*member));
    request.set_uid(member->metadata().uid());
    *request.mutable_owner() = OwnerFor(pool);
    const absl::StatusOr<ApplyResult> result = resources_.Delete(turn.context, request);
    // Gone or another by now: the next look decides anew.
    if (absl::IsNotFound(result.status()) || absl::IsAborted(result.status())) continue;
    ESPALIER_RETURN_IF_ERROR(result.status());
    turn.Wrote(result->revision());
  }
  return absl::OkStatus();
}

absl::Status PoolController::Apply(const Resource& pool, const PoolStep& step,
                                   const std::string& hash, Turn& turn) {
  if (step.create == 0 && step.update.empty()) return absl::OkStatus();
  std::vector<Declared> wanted;
  for (const Resource* member : step.update) {
    wanted.push_back(MemberOf(pool, member->metadata().name(), hash));
    wanted.back().set_uid(member->metadata().uid());
  }
  std::set<std::string> taken;
  while (static_cast<int>(taken.size()) < step.create) {
    const std::string name = absl::StrCat(pool.metadata().name(), "-", random_.Suffix(kSuffix));
    const Ref ref{Kind::kVm, pool.metadata().namespace_(), name};
    if (turn.now.Find(ref) != nullptr || !taken.insert(name).second) continue;
    wanted.push_back(MemberOf(pool, name, hash));
    wanted.back().set_create_only(true);
  }
  for (std::size_t begin = 0; begin < wanted.size(); begin += kBatch) {
    ApplyRequest request;
    *request.mutable_owner() = OwnerFor(pool);
    const std::size_t end = std::min(wanted.size(), begin + kBatch);
    for (std::size_t i = begin; i < end; ++i) *request.add_objects() = std::move(wanted[i]);
    const absl::StatusOr<ApplyResult> result = resources_.Apply(turn.context, request);
    ESPALIER_RETURN_IF_ERROR(result.status());
    if (!result->applied()) {
      Problems problems;
      for (const Problem& problem : result->problems()) problems.Append(problem);
      const absl::Status why = ToStatus(problems);
      return absl::InvalidArgumentError(why.ok() ? "members were refused without a reason"
                                                 : why.message());
    }
    turn.Wrote(result->revision());
  }
  log_.Info("pool members applied",
            {{telemetry::kRef, ToString(RefOf(pool))}, {telemetry::kCount, wanted.size()}});
  return absl::OkStatus();
}

absl::Status PoolController::WriteStatus(const Resource& pool, const Members& members,
                                         const std::string& hash, const std::string& failure,
                                         const PoolStep& step, Turn& turn) {
  StatusWrite write = BasedOn(pool);
  v1::VmPoolStatus& status = *write.mutable_resource()->mutable_vm_pool()->mutable_status();
  std::uint32_t running = 0;
  std::uint32_t pending = 0;
  std::uint32_t outdated = 0;
  const Resource* waits_longest = nullptr;
  for (const Resource* member : members.there) {
    const v1::VmPlacement& placement = member->vm().status().placement();
    const auto made_from = member->metadata().annotations().find(kTemplateNote);
    if (made_from == member->metadata().annotations().end() || made_from->second != hash)
      ++outdated;
    if (placement.phase() == v1::VmPlacement::RUNNING) ++running;
    if (!placement.host().empty()) continue;
    ++pending;
    if (waits_longest == nullptr ||
        TimeOf(member->metadata().created_at()) < TimeOf(waits_longest->metadata().created_at())) {
      waits_longest = member;
    }
  }
  status.set_members(static_cast<std::uint32_t>(members.there.size()));
  status.set_running(running);
  status.set_pending(pending);
  status.set_outdated(outdated);
  status.set_why(!failure.empty()           ? failure
                 : waits_longest != nullptr ? waits_longest->vm().status().placement().why()
                                            : "");
  v1::Condition& ready = (*status.mutable_conditions())["Ready"];
  const std::uint32_t wanted = pool.vm_pool().spec().replicas();
  const std::string counts = absl::StrCat(running, " of ", wanted, " run");
  if (!failure.empty()) {
    SetCondition(v1::Condition::FALSE, "Refused", failure, clock_.Now(), ready);
  } else if (!step.stopped.empty()) {
    SetCondition(v1::Condition::FALSE, "Stopped", step.stopped, clock_.Now(), ready);
  } else if (outdated > 0) {
    SetCondition(v1::Condition::FALSE, "Rolling",
                 absl::StrCat(counts, ", ", outdated, " outdated", step.waits.empty() ? "" : "; ",
                              step.waits),
                 clock_.Now(), ready);
  } else if (running < wanted) {
    SetCondition(v1::Condition::FALSE, pending > 0 ? "Waiting" : "Starting", counts, clock_.Now(),
                 ready);
  } else {
    SetCondition(v1::Condition::TRUE, "Ready", counts, clock_.Now(), ready);
  }
  return WriteOne(resources_, turn, write);
}

}  // namespace espalier::control
