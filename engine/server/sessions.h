// SessionRegistry: the leases and pulls of all agents, in memory only. One object is both sides of
// engine/api/sessions.h: agents beat into it, controllers read it. Owned by the daemon (or the
// simulation). Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/api/sessions.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace espalier {

// What a beat is answered with.
struct LeaseTerms {
  absl::Duration run_lease = absl::Seconds(30);
  absl::Duration interval = absl::Seconds(5);
};
// Asked at every beat, on the beating thread, with no lock held: the Cluster's settings may change.
using LeaseTermsSource = std::function<LeaseTerms()>;

class SessionRegistry final : public Sessions, public Lease {
 public:
  // Begins to listen now. `clock` must outlive it.
  SessionRegistry(Clock& clock, LeaseTermsSource terms);

  std::map<std::string, HostSession> Snapshot() const override;
  absl::Duration started() const override { return started_; }
  void NotifyOn(Wakeup& wakeup, absl::Duration silence) override;

  // Agents beat for their own host, admins and the engine for any; PERMISSION_DENIED else.
  // INVALID_ARGUMENT without a host; RESOURCE_EXHAUSTED above limits::kSessions hosts or
  // limits::kSessionPulls pulls.
  absl::StatusOr<v1::BeatAck> Beat(const CallContext& context, const v1::Beat& beat) override;

  // Hosts that are known, for metrics.
  std::size_t size() const;

 private:
  struct Observer {
    Wakeup* wakeup;
    absl::Duration silence;
  };

  // The wakeups to raise for a beat at `now`, before it is taken into `sessions_`.
  std::vector<Wakeup*> WhomToWake(const HostSession* before, const v1::Beat& beat,
                                  absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetLongSilent(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  const LeaseTermsSource terms_;
  const absl::Duration started_;

  mutable Mutex mu_;
  std::map<std::string, HostSession> sessions_ ABSL_GUARDED_BY(mu_);
  std::vector<Observer> observers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
