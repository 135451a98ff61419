// When a run on a silent host has surely ended. The engine runs a VM a second time only after that
// moment, so everything here errs on the late side. Belongs to one thread.
#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"
#include "engine/api/sessions.h"
#include "engine/base/clock.h"

namespace espalier::control {

// How far the clocks of two machines may drift apart per second.
inline constexpr double kClockRateError = 0.01;
// A runner needs this long at most to end its VM once its lease is over.
inline constexpr absl::Duration kKillTime = absl::Seconds(10);
// For what was rounded, and for the age of a snapshot of sessions.
inline constexpr absl::Duration kFenceMargin = absl::Seconds(1);

// By the engine's Elapsed(): when every fenced run of a host has ended, if it is not heard again.
// `session`: what is known of the host, null if it was not heard since `started`; then its runs may
// have been promised a whole lease just before.
absl::Duration SurelyEndedAt(const HostSession* session, absl::Duration started,
                             absl::Duration run_lease);

// When a host counts as silent. A host that was not heard since the engine started is given a whole
// lease to come back, the longer of the two.
absl::Duration SilentAt(const HostSession* session, absl::Duration started,
                        absl::Duration host_lease, absl::Duration run_lease);

// Looks at the sessions, at most once per kFenceMargin / 2 however often it is asked.
class FenceBoard {
 public:
  FenceBoard(const Clock& clock, const Sessions& sessions) : clock_(clock), sessions_(sessions) {}

  // How long until all fenced runs of the host have surely ended; zero if they have.
  absl::Duration UntilSurelyEnded(const std::string& host, absl::Duration run_lease);

 private:
  const Clock& clock_;
  const Sessions& sessions_;
  std::map<std::string, HostSession> known_;
  absl::Duration known_at_ = -absl::InfiniteDuration();
};

}  // namespace espalier::control
