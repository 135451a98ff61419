#include "engine/control/fencing.h"

#include <algorithm>

namespace espalier::control {

absl::Duration SurelyEndedAt(const HostSession* session, absl::Duration started,
                             absl::Duration run_lease) {
  // runs_until, not the last beat and today's lease: the lease may have been made shorter since.
  const absl::Duration promised_until =
      session != nullptr ? session->runs_until : started + run_lease;
  return promised_until + run_lease * kClockRateError + kKillTime + kFenceMargin;
}

absl::Duration SilentAt(const HostSession* session, absl::Duration started,
                        absl::Duration host_lease, absl::Duration run_lease) {
  if (session == nullptr) return started + std::max(host_lease, run_lease);
  return session->last_beat + host_lease;
}

absl::Duration FenceBoard::UntilSurelyEnded(const std::string& host, absl::Duration run_lease) {
  const absl::Duration now = clock_.Elapsed();
  if (now >= known_at_ + kFenceMargin / 2) {
    known_ = sessions_.Snapshot();
    known_at_ = now;
  }
  // A snapshot that is a little old is safe: a beat that it lacks came after the lease had ended,
  // and does not bring back what the runner has killed.
  const auto session = known_.find(host);
  const absl::Duration at = SurelyEndedAt(session == known_.end() ? nullptr : &session->second,
                                          sessions_.started(), run_lease);
  return std::max(absl::ZeroDuration(), at - now);
}

}  // namespace espalier::control
