#include "engine/server/sessions.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

// A host this long silent is dropped: a reader cannot tell it from one that never beat, and both
// are silent for longer than any lease.
constexpr absl::Duration kForgetAfter = absl::Hours(24);

absl::Status MayBeat(const Caller& caller, const std::string& host) {
  switch (caller.role) {
    case Caller::Role::kAdmin:
    case Caller::Role::kController:
      return absl::OkStatus();
    case Caller::Role::kAgent:
      if (caller.host == host) return absl::OkStatus();
      return absl::PermissionDeniedError(
          absl::StrCat("the token is for host ", caller.host, ", not for ", host));
    case Caller::Role::kEditor:
    case Caller::Role::kViewer:
    case Caller::Role::kReconciler:
      break;
  }
  return absl::PermissionDeniedError("only agents keep leases");
}

}  // namespace

SessionRegistry::SessionRegistry(Clock& clock, LeaseTermsSource terms)
    : clock_(clock), terms_(std::move(terms)), started_(clock.Elapsed()) {}

std::map<std::string, HostSession> SessionRegistry::Snapshot() const {
  MutexLock lock(mu_);
  return sessions_;
}

std::size_t SessionRegistry::size() const {
  MutexLock lock(mu_);
  return sessions_.size();
}

void SessionRegistry::NotifyOn(Wakeup& wakeup, absl::Duration silence) {
  MutexLock lock(mu_);
  observers_.push_back({&wakeup, silence});
}

absl::StatusOr<v1::BeatAck> SessionRegistry::Beat(const CallContext& context,
                                                  const v1::Beat& beat) {
  if (beat.host().empty()) return absl::InvalidArgumentError("a beat names its host");
  if (absl::Status may = MayBeat(context.caller, beat.host()); !may.ok()) return may;
  if (static_cast<std::size_t>(beat.pulls_size()) > limits::kSessionPulls) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", limits::kSessionPulls, " pulls in a beat"));
  }
  const LeaseTerms terms = terms_();
  const absl::Duration now = clock_.Elapsed();
  std::vector<Wakeup*> wake;
  {
    MutexLock lock(mu_);
    auto found = sessions_.find(beat.host());
    if (found == sessions_.end() && sessions_.size() >= limits::kSessions) {
      ForgetLongSilent(now);
      if (sessions_.size() >= limits::kSessions) {
        return absl::ResourceExhaustedError(
            absl::StrCat("more than ", limits::kSessions, " hosts have a session"));
      }
    }
    wake = WhomToWake(found == sessions_.end() ? nullptr : &found->second, beat, now);
    HostSession& session = sessions_[beat.host()];
    session.boot_id = beat.boot_id();
    session.last_beat = now;
    // A shorter lease does not take back what an earlier answer promised.
    session.runs_until = std::max(session.runs_until, now + terms.run_lease);
    session.pulls = {beat.pulls().begin(), beat.pulls().end()};
  }
  for (Wakeup* wakeup : wake) wakeup->Notify();

  v1::BeatAck ack;
  ack.set_number(beat.number());
  ack.set_run_lease_ms(absl::ToInt64Milliseconds(terms.run_lease));
  ack.set_interval_ms(absl::ToInt64Milliseconds(terms.interval));
  return ack;
}

std::vector<Wakeup*> SessionRegistry::WhomToWake(const HostSession* before, const v1::Beat& beat,
                                                 absl::Duration now) const {
  const bool news = before == nullptr || before->boot_id != beat.boot_id();
  std::vector<Wakeup*> wake;
  for (const Observer& observer : observers_) {
    if (news || now - before->last_beat >= observer.silence) wake.push_back(observer.wakeup);
  }
  return wake;
}

void SessionRegistry::ForgetLongSilent(absl::Duration now) {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    it = now - it->second.last_beat >= kForgetAfter ? sessions_.erase(it) : std::next(it);
  }
}

}  // namespace espalier
