// The life of a VM as a typed table: what is wanted of it and what is seen of its run say what its
// phase is and what is done. Pure; the controller around it reads, writes and waits.
//
//                        placed (the placement loop)        reported running
//    (new) ─▶ PENDING ───────────────────────────▶ STARTING ─────────────────▶ RUNNING
//               ▲  ▲                                  │  │                      │ │  │
//               │  │      ended, starts again         │  │     stop asked       │ │  │
//               │  └────────────◀─────────────────────┴──│──────────────────────┘ │  │
//               │                                        ▼                        │  │
//               │                                     STOPPING ◀──────────────────┘  │
//               │                                        │                           │
//               │                   power off ┌──────────┼───────────┬───────────┐   │ ended
//               │                             ▼          ▼           ▼           ▼   ▼
//               │◀──── power on ────────── STOPPED    EXPIRED     (gone)   STOPPED, FAILED
//               │                   (no host, disk_host)                  (for good: stop is set)
//               │   surely ended
//               └──────────◀────── UNKNOWN ◀── host silent ── STARTING, RUNNING, STOPPING
//                                     └──────── heard again ──▶ what its agent reports
//
// A run is over when its agent reports so, when its host has been booted anew since it was seen, or
// when its host has been silent for so long that its runner must have ended it (fencing.h); never
// because somebody assumes it. While it may live it
// takes room: on placement.host, or as an entry of placement.retiring.
//
// What is powered off takes none. Its host keeps the disk (placement.disk_host), and it goes on
// with it there; the disk is given up when the host is gone, has been silent for so long that a run
// there would count as lost (never with partition: keep), is drained or the VM pinned elsewhere by
// the time it is on again. Only the latest run's disk counts, and only until the next one runs.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "engine/model/kind.h"

namespace espalier::control {

// What is wanted of a VM; the first that applies.
enum class Want {
  // It is being deleted.
  kGone,
  // Its time to live is over.
  kExpire,
  // It may not stay on its host: drain, deletion of the host, pinned elsewhere.
  kMove,
  // Powered off.
  kOff,
  kRun,
};

// What is seen of its current run; the first that applies.
enum class Sight {
  // It has no host.
  kNowhere,
  // It ended for good, and that was written down.
  kOver,
  // Its run has ended, and it shall be started again.
  kEndedAgain,
  // Its run has ended without an error, and its policy does not start it again.
  kEndedWell,
  // Its run has ended with an error, and its policy does not start it again.
  kEndedBadly,
  // Its host is silent for so long, or was booted anew, that the run has surely ended; it shall be
  // started again.
  kLostAgain,
  // The same, but its policy does not start it again.
  kLostForGood,
  // Its host is silent: nobody knows.
  kSilent,
  kPreparing,
  kRunning,
  kStopping,
};

// What is done to the placement beside setting the phase.
enum class Action {
  // Nothing.
  kKeep,
  // The agent shall stop this attempt.
  kAskStop,
  // The place is given up: another attempt may be placed. Of what was asked to stop in order to go
  // on later its host keeps the disk.
  kLeave,
  // The same, but the run's room stays booked until its agent reports the end.
  kLeaveRetiring,
  // It is over; the host stays for information and takes no room.
  kEnd,
  // The same, but the run's room stays booked until its agent reports the end.
  kEndRetiring,
  // The object goes away.
  kFinalize,
};

// VmPlacement::PHASE_UNSPECIFIED: the phase stays what it is.
struct Step {
  v1::VmPlacement::Phase to;
  Action action;
};

// The table.
Step StepFor(Want want, Sight sight);

// What is known of a host.
struct HostFacts {
  // There is a Host of that name.
  bool known = false;
  // Its agent is not heard.
  bool silent = true;
  // VMs shall leave it: why, or empty.
  std::string leave;
  // Boot identity that its agent reported last; empty if it never did.
  std::string boot_id;
  // How long until fenced runs there have surely ended, counted as if it is not heard again.
  absl::Duration until_surely_ended = absl::InfiniteDuration();
};
using HostLookup = absl::FunctionRef<HostFacts(const std::string& host)>;

Want WantOf(const Resource& vm, HostLookup host, absl::Time now);
Sight SightOf(const Resource& vm, HostLookup host, absl::Time now);

struct LifecycleDecision {
  // The status parts of controllers as they shall be.
  v1::VmPlacement placement;
  // They differ from what is stored.
  bool changed = false;
  // The object goes away (nothing else is written then).
  bool finalize = false;
  // It waits for a host: the placement loop's turn, not before placement.not_before.
  bool pending = false;
  // To be asked again after this long although nothing happens.
  absl::Duration again = absl::InfiniteDuration();
};

// What becomes of the VM now. Entries of VmStatus.ended are worked in: they are to be cleared with
// the write.
LifecycleDecision Decide(const Resource& vm, HostLookup host, absl::Time now);

// Whether an entry of placement.retiring may still be alive; it then keeps its VM from running
// elsewhere, and from going away. Entries of the VM's own earlier attempts never may: an attempt is
// left only once it has surely ended.
bool MayLive(const Resource& vm, const v1::RetiringRun& run, HostLookup host);

// How long to wait after so many failures in a row.
absl::Duration RestartBackOff(std::uint32_t failures);

}  // namespace espalier::control
