// Sessions: the lease and progress of agents, which are never stored. Agents renew through Lease;
// controllers and the server read through Sessions. In the daemon one object is both; the
// simulation uses the same one; agents reach it over gRPC.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "espalier/v1/agent_service.pb.h"

namespace espalier {

struct HostSession {
  std::string boot_id;
  // Clock::Elapsed() of the engine when the last beat arrived.
  absl::Duration last_beat;
  // Until when, by the same clock, runs there may go on by the answers given so far. Later than
  // last_beat plus the current lease after the lease was made shorter.
  absl::Duration runs_until;
  std::map<std::string, v1::PullProgress> pulls;
};

class Sessions {
 public:
  virtual ~Sessions() = default;

  // Hosts heard since this engine started, by name. Hosts that never beat are absent: compare their
  // silence with started().
  virtual std::map<std::string, HostSession> Snapshot() const = 0;
  // Clock::Elapsed() when this engine began to listen. Nobody counts as silent before a whole lease
  // after this.
  virtual absl::Duration started() const = 0;
  // Raised when a host beats for the first time, changes its boot id, or beats after `silence`.
  // `wakeup` must outlive this object. Silence itself is found by the reader's timer.
  virtual void NotifyOn(Wakeup& wakeup, absl::Duration silence) = 0;
};

class Lease {
 public:
  virtual ~Lease() = default;
  // One beat of an agent. The answer says how long its runs may go on, counted from when the agent
  // sent the beat. PERMISSION_DENIED for another host than the caller's; UNAVAILABLE.
  virtual absl::StatusOr<v1::BeatAck> Beat(const CallContext& context, const v1::Beat& beat) = 0;
};

}  // namespace espalier
