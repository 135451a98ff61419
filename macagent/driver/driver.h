// Driver: what the agent asks of whatever really runs virtual machines on this host. One driver per
// agent, made by main (or the simulation) and owned by it; thread-safe.
//
// The contract is made so that an agent that dies at any moment loses nothing: machines and what is
// known of them live outside the agent's process, every run is known by (uid, attempt), and every
// call can be repeated.
//
//            Start               boots              Stop            ended
//   (none) ────────▶ STARTING ────────▶ RUNNING ────────▶ STOPPING ───────▶ STOPPED ─┐
//                       │                  │ crash             │ error               │ Forget
//                       └──────────────────┴───────────────────┴─▶ FAILED, FENCED ───┴───▶ (none)
//
// How to add a driver:
//   1. Write `macagent/driver/<name>.{h,cc}` with a function `Make<Name>Driver` that returns one.
//   2. Keep what it knows of a run where it survives the agent: a bundle directory named
//      ToString(RunId), with the RunSpec in it (run_record.h writes it), or the tool's own list.
//   3. Let something other than the agent enforce the run lease: a runner process per machine
//      (runner.h), which ends a fenced machine when renewals stop.
//   4. Map the tool's errors to the codes below; what the tool does not know comes back as Unknown.
//   5. Add it to conformance_test.cc: the suite is the contract as code.
//   6. Add its name to `--driver` in main.cc and to the table of docs.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier::agent {

// One run of a VM. Two runs of one uid are never alive at once.
struct RunId {
  std::string uid;
  std::int64_t attempt = 0;
  auto operator<=>(const RunId&) const = default;
};
// "<uid>.<attempt>": the name of bundles and of machines in tools that want one.
std::string ToString(const RunId& id);
// INVALID_ARGUMENT if it is no such name: whatever has that name was not made by us.
absl::StatusOr<RunId> ParseRunId(absl::string_view name);

// What this host can give to VMs.
struct Capacity {
  std::string driver;
  // "darwin" or "linux", and "arm64" or "amd64".
  std::string os;
  std::string arch;
  std::uint32_t cpu = 0;
  std::uint32_t memory_mib = 0;
  // macOS guests at once; 0 where none can run.
  std::uint32_t macos_slots = 0;
  // Another value proves that nothing that ran before still runs.
  std::string boot_id;
};

struct PortMapping {
  std::uint32_t host = 0;
  std::uint32_t guest = 0;
};

// Everything a driver needs to know of a run. Never changes, but for `fence` (see SetFence).
struct RunSpec {
  RunId id;
  // The object it belongs to, as "ns/name": for people, and to find the object again after a
  // restart.
  std::string owner;
  // "darwin" or "linux".
  std::string guest_os;
  std::string image_digest;
  // Where the image came from, with the digest.
  std::string image_reference;
  std::uint32_t cpu = 0;
  std::uint32_t memory_mib = 0;
  // 0 keeps the size of the image's disk.
  std::uint32_t disk_gib = 0;
  // It goes on with the disk of this attempt of the same VM, which has ended; 0: with the image's.
  std::int64_t disk_of = 0;
  // Where ports on the host listen.
  std::string address;
  std::map<std::string, PortMapping> ports;
  // Given to the guest.
  std::map<std::string, std::string> metadata;
  // The machine ends when its lease does.
  bool fence = true;
  // Clock::Elapsed() of this host when the lease ends.
  absl::Duration lease_until;
};

enum class RunPhase { kStarting, kRunning, kStopping, kStopped, kFailed, kFenced };
// Whether it ended: it takes no cpu, memory, slot or ports any more.
bool HasEnded(RunPhase phase);

// A run as it is now.
struct RunState {
  RunSpec spec;
  RunPhase phase = RunPhase::kStarting;
  // Why it failed, for people.
  std::string message;
  // Memory that it really got.
  std::uint32_t memory_mib = 0;
  // When the machine was started.
  absl::Time started_at;
};

// A machine that nobody started through this contract. It is reported and left alone.
struct UnknownVm {
  std::string name;
  // Guest system; empty if the driver cannot tell.
  std::string os;
};

// An image that lies in the tool's own place rather than in the agent's store.
struct UnknownImage {
  std::string name;
  std::int64_t bytes = 0;
};

struct Listing {
  // Every run that Start made and Forget did not take away.
  std::vector<RunState> runs;
  std::vector<UnknownVm> vms;
  std::vector<UnknownImage> images;
  // Clock::Elapsed() by which the list may have changed by itself.
  absl::Duration look_again = absl::InfiniteDuration();
};

class Driver {
 public:
  virtual ~Driver() = default;

  virtual Capacity GetCapacity() const = 0;

  // The directory into which the image's files (disk.img, vmlinuz, initrd) are to be cloned before
  // Start; it is made, and emptied of an earlier try. Empty: nothing is to be cloned, because this
  // driver takes no files or because the run goes on with a disk that is here (`spec.disk_of`).
  // ALREADY_EXISTS: the run was started. RESOURCE_EXHAUSTED: the disk is full. NOT_FOUND: there is
  // no such disk; FAILED_PRECONDITION: its run lives.
  virtual absl::StatusOr<std::string> Prepare(const RunSpec& spec) = 0;

  // Starts the machine and returns without waiting for it: List tells how it goes. OK also if it
  // was started before (nothing is started twice). RESOURCE_EXHAUSTED: the host refuses another
  // machine (macOS limit, memory); INVALID_ARGUMENT: this guest cannot run here; UNAVAILABLE: try
  // again. REQUIRES: Prepare was called and its directory filled.
  virtual absl::Status Start(const RunSpec& spec) = 0;

  // Asks the guest to shut down and ends the machine after `grace`. Returns at once; OK if it ended
  // already. NOT_FOUND if there is no such run.
  virtual absl::Status Stop(const RunId& id, absl::Duration grace) = 0;

  // Everything that is here now. An error says nothing about any run.
  virtual absl::StatusOr<Listing> List() = 0;

  // Lets the run go on until `until` of Clock::Elapsed(); an earlier time than before changes
  // nothing. NOT_FOUND; FAILED_PRECONDITION if it has ended.
  virtual absl::Status Renew(const RunId& id, absl::Duration until) = 0;

  // The same, and from now on the run ends when renewals stop, or never for that reason (`fence`
  // false). List() says so once it holds.
  virtual absl::Status SetFence(const RunId& id, bool fence, absl::Duration until) = 0;

  // Erases disk and record of a run, which an ended one keeps until then, and what Prepare made for
  // one that was never started. OK if there is none; FAILED_PRECONDITION while it lives. A later
  // run that goes on with the disk keeps it.
  virtual absl::Status Forget(const RunId& id) = 0;
};

}  // namespace espalier::agent
