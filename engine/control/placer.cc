#include "engine/control/placer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/telemetry.h"
#include "engine/control/fleet.h"
#include "engine/control/writes.h"
#include "engine/model/timestamp.h"
#include "engine/model/vm_room.h"
#include "engine/sched/room.h"

namespace espalier::control {
namespace {

// VMs of one pass: short enough that nothing else of the loop waits long.
constexpr std::size_t kBatch = 500;
// A full fleet changes its counts with every VM that ends; the reasons of all that wait need not
// follow each time.
constexpr absl::Duration kReasonPause = absl::Seconds(2);
// An image that its registry does not know, or did not say, is asked for again after this long.
constexpr absl::Duration kImageAgain = absl::Seconds(15);
// Until an unknown outcome is read back, or a lost race is run again if no event came of it.
constexpr absl::Duration kReadBackPause = absl::Milliseconds(500);

bool IsPending(const Resource& vm) {
  const v1::VmPlacement& placement = vm.vm().status().placement();
  return placement.host().empty() && (placement.phase() == v1::VmPlacement::PENDING ||
                                      placement.phase() == v1::VmPlacement::PHASE_UNSPECIFIED);
}

// What of a Host decides where VMs go.
bool SameForPlacing(const Resource& a, const Resource& b) {
  const v1::HostStatus& before = a.host().status();
  const v1::HostStatus& after = b.host().status();
  return sched::ClosedBecause(a) == sched::ClosedBecause(b) &&
         sched::SizeOf(a) == sched::SizeOf(b) &&
         before.observed().macos_running() == after.observed().macos_running() &&
         sched::FoundMacos(before.observed()) == sched::FoundMacos(after.observed()) &&
         before.observed().arch() == after.observed().arch() &&
         a.metadata().labels_size() == b.metadata().labels_size() &&
         std::all_of(a.metadata().labels().begin(), a.metadata().labels().end(),
                     [&](const auto& label) {
                       const auto other = b.metadata().labels().find(label.first);
                       return other != b.metadata().labels().end() && other->second == label.second;
                     });
}

int RunsThatTakeRoom(const ResourcePtr& vm) {
  if (vm == nullptr) return 0;
  const v1::VmPlacement& placement = vm->vm().status().placement();
  return placement.retiring_size() + (TakesRoom(placement) ? 1 : 0);
}

}  // namespace

Placer::Placer(Clock& clock, Log& log, Resources& resources, ImageBook& images, FenceBoard& fences)
    : clock_(clock), log_(log), resources_(resources), images_(images), fences_(fences) {}

bool Placer::IsAhead(const Ref& vm, std::int64_t seen_revision) const {
  const auto assumed = assumed_.find(vm);
  return assumed != assumed_.end() && seen_revision < assumed->second;
}

void Placer::Forget(const Ref& vm) {
  if (const auto since = pending_since_.find(vm); since != pending_since_.end()) {
    pending_.erase({since->second, vm});
    fresh_.erase({since->second, vm});
    pending_since_.erase(since);
  }
}

bool Placer::Learn(const Reconciler::Change& change) {
  const Resource& object = change.any();
  const Ref ref = RefOf(object);
  if (object.has_host()) {
    if (change.after == nullptr) {
      scheduler_.Remove(ref);
    } else {
      scheduler_.Put(*change.after);
      if (change.before != nullptr && SameForPlacing(*change.before, *change.after)) return false;
    }
    all_ = true;
    return !pending_.empty();
  }
  if (object.has_image() || object.has_cluster()) {
    all_ = true;
    return !pending_.empty();
  }
  if (!object.has_vm()) return false;

  Forget(ref);
  if (change.after == nullptr) {
    scheduler_.Remove(ref);
    assumed_.erase(ref);
    unknown_.erase(ref);
    reason_at_.erase(ref);
    all_ = true;
    return !pending_.empty();
  }
  if (IsAhead(ref, change.after->metadata().revision())) return false;
  assumed_.erase(ref);
  if (!unknown_.contains(ref)) scheduler_.Put(*change.after);
  if (RunsThatTakeRoom(change.after) < RunsThatTakeRoom(change.before)) all_ = true;
  if (IsPending(*change.after)) {
    const std::int64_t since = absl::ToUnixNanos(TimeOf(change.after->metadata().created_at()));
    pending_.insert({since, ref});
    pending_since_[ref] = since;
    fresh_.insert({since, ref});
    return true;
  }
  reason_at_.erase(ref);
  return all_ && !pending_.empty();
}

void Placer::Consider(const Ref& vm) {
  const auto since = pending_since_.find(vm);
  if (since != pending_since_.end()) fresh_.insert({since->second, vm});
}

std::vector<const Resource*> Placer::Candidates(const Snapshot& now) {
  if (all_) fresh_ = pending_;
  all_ = false;
  std::vector<const Resource*> candidates;
  // What is left is for the next pass.
  while (!fresh_.empty() && candidates.size() < kBatch) {
    const Ref ref = fresh_.extract(fresh_.begin()).value().second;
    const Resource* vm = now.Find(ref);
    if (vm != nullptr && !unknown_.contains(ref)) candidates.push_back(vm);
  }
  return candidates;
}

// Fills in `planned` and returns true if there is something to write.
bool Placer::Plan(const Resource& vm, const Snapshot& now, HostLookup host, Planned& planned) {
  const absl::Time time = clock_.Now();
  LifecycleDecision decision = Decide(vm, host, time);
  v1::VmPlacement& placement = decision.placement;
  // Deleted, powered off or expired meanwhile; held back; or waiting for an earlier run to end: the
  // lifecycle's business, which says so itself.
  if (decision.finalize || !decision.pending) return false;
  if (placement.has_not_before() && TimeOf(placement.not_before()) > time) return false;
  for (const v1::RetiringRun& run : placement.retiring()) {
    if (MayLive(vm, run, host)) return false;
  }

  planned.vm = RefOf(vm);
  std::string why;
  // The digest is the one of the first placement, not of the first wish: until then the name may
  // come to stand for other bytes.
  if (placement.attempt() == 0 || placement.image_digest().empty()) {
    const ImageAnswer image = LookUpImage(vm.vm().spec().image(), now, images_);
    why = image.why;
    if (image.coming) {
      look_again_at_ = std::min(look_again_at_, clock_.Elapsed() + kImageAgain);
    }
    placement.set_image_digest(image.digest);
    placement.set_image_reference(image.reference);
    placement.set_image_os(image.os);
    placement.set_image_arch(image.arch);
    placement.set_image_bytes(image.bytes);
  }
  if (!placement.image_digest().empty()) {
    Resource wanted = vm;
    *wanted.mutable_vm()->mutable_status()->mutable_placement() = placement;
    const sched::Decision chosen = scheduler_.Place(sched::WishOf(wanted));
    planned.placed = chosen.placed();
    why = chosen.why;
    if (!chosen.placed() && !placement.disk_host().empty()) {
      absl::StrAppend(&why, "; its disk is on ", placement.disk_host());
    }
    if (chosen.placed()) {
      placement.set_host(chosen.host);
      placement.set_attempt(placement.attempt() + 1);
      placement.set_phase(v1::VmPlacement::STARTING);
      placement.set_stop(false);
      placement.set_kept(vm.vm().spec().partition() == v1::VmSpec::KEEP);
      placement.clear_kept_changes();
      placement.clear_not_before();
      SetTime(time, *placement.mutable_since());
      why = absl::StrCat("waits for ", chosen.host, " to take it up");
    }
  }
  placement.set_why(why);
  const v1::VmPlacement& before = vm.vm().status().placement();
  if (!planned.placed && placement.SerializeAsString() == before.SerializeAsString()) return false;

  // Another reason for the same waiting may wait a moment itself.
  if (!planned.placed && !before.why().empty() && before.phase() == placement.phase()) {
    const auto last = reason_at_.find(planned.vm);
    if (last != reason_at_.end() && clock_.Elapsed() < last->second + kReasonPause) {
      look_again_at_ = std::min(look_again_at_, last->second + kReasonPause);
      return false;
    }
  }
  planned.write = BasedOn(vm);
  v1::VmStatus& status = *planned.write.mutable_resource()->mutable_vm()->mutable_status();
  *status.mutable_placement() = placement;
  status.clear_ended();
  return true;
}

Outcome Placer::Place(Turn& turn) {
  if (!unknown_.empty()) ReadBack(turn);
  const Settings settings = SettingsOf(turn.now);
  scheduler_.SetStrategy(settings.strategy);
  if (clock_.Elapsed() >= look_again_at_) {
    look_again_at_ = absl::InfiniteDuration();
    all_ = true;
  }
  const auto host = [&](const std::string& name) {
    return FactsOf(name, turn.now, fences_, settings.run_lease);
  };
  std::vector<Planned> planned;
  for (const Resource* vm : Candidates(turn.now)) {
    if (IsAhead(RefOf(*vm), vm->metadata().revision())) continue;
    Planned next;
    if (Plan(*vm, turn.now, host, next)) planned.push_back(std::move(next));
  }
  return Write(turn, planned);
}

Outcome Placer::Write(Turn& turn, std::vector<Planned>& planned) {
  absl::Status refused;
  bool lost_race = false;
  for (std::size_t begin = 0; begin < planned.size(); begin += limits::kAtomicObjects) {
    const std::size_t end = std::min(planned.size(), begin + limits::kAtomicObjects);
    std::vector<StatusWrite> writes;
    for (std::size_t i = begin; i < end; ++i) writes.push_back(std::move(planned[i].write));
    const auto results = resources_.UpdateStatus(turn.context, writes);
    for (std::size_t i = begin; i < end; ++i) {
      const absl::StatusOr<std::int64_t>& revision = results[i - begin];
      const Ref& vm = planned[i].vm;
      if (revision.ok()) {
        assumed_[vm] = *revision;
        if (planned[i].placed) {
          Forget(vm);
          const Resource& written = writes[i - begin].resource();
          log_.Info("placed", {{telemetry::kRef, ToString(vm)},
                               {telemetry::kHost, written.vm().status().placement().host()}});
        } else {
          reason_at_[vm] = clock_.Elapsed();
        }
        continue;
      }
      switch (revision.status().code()) {
        case absl::StatusCode::kAborted:
        case absl::StatusCode::kNotFound:
          // Somebody wrote in between: the event that brings it says what to decide on. One VM's
          // race is no reason for the others to wait longer and longer.
          TakeBack(vm, turn.now);
          Consider(vm);
          lost_race = true;
          break;
        case absl::StatusCode::kFailedPrecondition:
        case absl::StatusCode::kInvalidArgument:
        case absl::StatusCode::kPermissionDenied:
        case absl::StatusCode::kResourceExhausted:
          refused = revision.status();
          TakeBack(vm, turn.now);
          Consider(vm);
          break;
        default:
          // It may have happened: until that is known, its room is taken.
          unknown_.insert(vm);
          log_.Warn(
              "outcome of a placement is unknown",
              {{telemetry::kRef, ToString(vm)}, {telemetry::kError, revision.status().ToString()}});
      }
    }
  }
  if (!unknown_.empty() || lost_race) return RequeueAfter{kReadBackPause};
  if (!refused.ok()) return Retry{refused};
  if (!fresh_.empty()) return RequeueAfter{absl::ZeroDuration()};
  if (look_again_at_ != absl::InfiniteDuration()) {
    return RequeueAfter{std::max(absl::ZeroDuration(), look_again_at_ - clock_.Elapsed())};
  }
  return Done{};
}

void Placer::TakeBack(const Ref& vm, const Snapshot& now) {
  const Resource* seen = now.Find(vm);
  if (seen != nullptr) {
    scheduler_.Put(*seen);
  } else {
    scheduler_.Remove(vm);
  }
}

void Placer::ReadBack(Turn& turn) {
  for (const Ref& vm : std::vector<Ref>(unknown_.begin(), unknown_.end())) {
    const absl::StatusOr<Resource> current = resources_.Get(turn.context, vm);
    if (!current.ok() && !absl::IsNotFound(current.status())) continue;
    unknown_.erase(vm);
    if (!current.ok()) {
      scheduler_.Remove(vm);
      continue;
    }
    scheduler_.Put(*current);
    const Resource* seen = turn.now.Find(vm);
    if (seen != nullptr && seen->metadata().revision() < current->metadata().revision()) {
      assumed_[vm] = current->metadata().revision();
    } else {
      Consider(vm);
    }
  }
}

}  // namespace espalier::control
