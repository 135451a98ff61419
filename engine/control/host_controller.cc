#include "engine/control/host_controller.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/telemetry.h"
#include "engine/control/writes.h"
#include "engine/model/timestamp.h"
#include "engine/model/vm_room.h"

namespace espalier::control {
namespace {

// However often agents are heard anew, all sessions are looked at no more often than this.
constexpr absl::Duration kSweepPause = absl::Milliseconds(100);
// And no less often: a beat may have been missed, a lease made shorter.
constexpr absl::Duration kLongestSweep = absl::Seconds(5);

}  // namespace

HostController::HostController(Clock& clock, Log& log, Resources& resources,
                               const Sessions& sessions, FenceBoard& fences)
    : clock_(clock), log_(log), resources_(resources), sessions_(sessions), fences_(fences) {}

void HostController::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  const Resource& object = change.any();
  if (object.has_cluster()) names.push_back(SweepName());
  if (object.has_host() && change.after != nullptr) {
    names.push_back(RefOf(object));
    // A host that has just come may have been beating for a while.
    if (change.before == nullptr) names.push_back(SweepName());
  }
  // The last VM may have left a host that is being deleted.
  if (object.has_vm() && change.before != nullptr) {
    const std::string& host = change.before->vm().status().placement().host();
    const auto add = [&](const std::string& name) {
      const Ref ref{Kind::kHost, "", name};
      const Resource* found = now.Find(ref);
      if (found != nullptr && found->metadata().has_deleting_since()) names.push_back(ref);
    };
    if (!host.empty()) add(host);
    for (const v1::RetiringRun& run : change.before->vm().status().placement().retiring()) {
      add(run.host());
    }
  }
}

void HostController::Woken(Queue& queue) {
  if (!heard_.Consume()) return;
  if (clock_.Elapsed() >= swept_at_ + kSweepPause) {
    queue.AddAt(SweepName(), clock_.Elapsed());
  } else {
    queue.AddAt(SweepName(), swept_at_ + kSweepPause);
  }
}

Outcome HostController::Reconcile(const Ref& name, Turn& turn) {
  if (name == SweepName()) return Sweep(turn);
  const Resource* host = turn.now.Find(name);
  return host == nullptr ? Outcome(Done{}) : ReconcileHost(*host, turn);
}

// Writes the transitions, and comes back when the next host may fall silent.
Outcome HostController::Sweep(Turn& turn) {
  swept_at_ = clock_.Elapsed();
  const Settings settings = SettingsOf(turn.now);
  const std::map<std::string, HostSession> sessions = sessions_.Snapshot();
  const absl::Duration elapsed = clock_.Elapsed();
  absl::Duration next = elapsed + kLongestSweep;
  std::vector<StatusWrite> writes;
  for (const Resource& host : turn.now.Of(Kind::kHost)) {
    const auto found = sessions.find(host.metadata().name());
    const HostSession* session = found == sessions.end() ? nullptr : &found->second;
    const absl::Duration silent_at =
        SilentAt(session, sessions_.started(), settings.host_lease, settings.run_lease);
    const v1::HostLiveness& before = host.host().status().liveness();
    v1::HostLiveness::State state = v1::HostLiveness::UNKNOWN;
    if (elapsed < silent_at) {
      next = std::min(next, silent_at);
      // Not heard since the engine started: what was last known stays, for one lease.
      state = session != nullptr ? v1::HostLiveness::READY : before.state();
    }
    if (state == before.state()) continue;
    StatusWrite write = BasedOn(host);
    v1::HostLiveness& after =
        *write.mutable_resource()->mutable_host()->mutable_status()->mutable_liveness();
    after.set_state(state);
    SetTime(clock_.Now(), *after.mutable_since());
    after.clear_fenced_after();
    if (state == v1::HostLiveness::UNKNOWN) {
      const absl::Duration ends =
          SurelyEndedAt(session, sessions_.started(), settings.run_lease) - elapsed;
      SetTime(clock_.Now() + std::max(absl::ZeroDuration(), ends), *after.mutable_fenced_after());
    }
    writes.push_back(std::move(write));
  }

  bool all_written = true;
  for (std::size_t begin = 0; begin < writes.size(); begin += limits::kAtomicObjects) {
    const std::size_t count = std::min(writes.size() - begin, limits::kAtomicObjects);
    const auto results =
        resources_.UpdateStatus(turn.context, absl::MakeConstSpan(writes).subspan(begin, count));
    for (std::size_t i = 0; i < count; ++i) {
      const v1::Resource& written = writes[begin + i].resource();
      if (results[i].ok()) {
        turn.Wrote(*results[i]);
        log_.Info("host liveness changed",
                  {{telemetry::kHost, written.metadata().name()},
                   {telemetry::kPhase,
                    v1::HostLiveness::State_Name(written.host().status().liveness().state())}});
      } else if (!absl::IsNotFound(results[i].status())) {
        all_written = false;
      }
    }
  }
  if (!all_written) return Retry{absl::AbortedError("some hosts changed meanwhile")};
  return RequeueAfter{std::max(next - clock_.Elapsed(), kSweepPause)};
}

bool HostController::IsEmpty(const std::string& host, const Snapshot& now) {
  const absl::Duration run_lease = SettingsOf(now).run_lease;
  const auto lookup = [&](const std::string& name) {
    return FactsOf(name, now, fences_, run_lease);
  };
  for (const Resource& vm : now.Of(Kind::kVm)) {
    const v1::VmPlacement& placement = vm.vm().status().placement();
    if (placement.host() == host && TakesRoom(placement)) return false;
    for (const v1::RetiringRun& run : placement.retiring()) {
      if (run.host() != host) continue;
      // On a host that is heard the agent says when a run has ended. On one that is silent for good
      // what has surely ended may go with it.
      if (!lookup(host).silent || MayLive(vm, run, lookup)) return false;
    }
  }
  return true;
}

Outcome HostController::ReconcileHost(const Resource& host, Turn& turn) {
  if (!host.metadata().has_deleting_since()) return Done{};
  if (!IsEmpty(host.metadata().name(), turn.now)) return RequeueAfter{absl::Seconds(10)};
  const absl::Status status = WriteOne(resources_, turn, FinalWordOn(host));
  if (!status.ok()) return Retry{status};
  log_.Info("gone", {{telemetry::kRef, ToString(RefOf(host))}});
  return Done{};
}

}  // namespace espalier::control
