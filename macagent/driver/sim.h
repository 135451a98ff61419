// SimHypervisor: a simulated Mac that runs simulated VMs, deterministic for a seed, with failure
// knobs; and the driver over it. The hypervisor is the machine, the driver belongs to the agent:
// when the simulation crashes an agent it drops the driver and keeps the hypervisor, which is then
// the ground truth of what really runs. The sim agent keeps its state in a file (sim_file.h), so
// that its VMs survive a kill -9 as real ones do.
//
// Nothing happens on a thread: what time has brought (boots, crashes, ends, lapsed leases) is
// worked out whenever somebody looks. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "macagent/driver/driver.h"
#include "macagent/driver/run_record.h"

namespace espalier::agent {

struct SimOptions {
  std::string os = "darwin";
  std::string arch = "arm64";
  std::uint32_t cpu = 8;
  std::uint32_t memory_mib = 16384;
  std::uint32_t macos_slots = 2;
  // From Start to running, and from Stop to the end, each give or take a fifth.
  absl::Duration boot_delay = absl::Seconds(2);
  absl::Duration stop_delay = absl::Seconds(1);

  // Failure knobs, each a probability per machine.
  // Start is refused with UNAVAILABLE.
  double refuse_start = 0;
  // It crashes within `crash_within` of its start.
  double crash = 0;
  absl::Duration crash_within = absl::Seconds(60);
  // It never comes up.
  double stall = 0;
  // The guest ignores Stop until the grace is over.
  double slow_stop = 0;
  // Its macOS slot stays taken after its end, until the host boots anew.
  double leak_slot = 0;
};

// What really runs, for the simulation's invariants.
struct LiveVm {
  RunId id;
  std::string name;
  RunPhase phase = RunPhase::kRunning;
  bool macos = false;
  std::uint32_t cpu = 0;
  std::uint32_t memory_mib = 0;
};

class SimHypervisor {
 public:
  // `save` is given the whole state after every change; empty: nothing is kept. `state` is what an
  // earlier process saved.
  SimHypervisor(Clock& clock, Random& random, SimOptions options, SimState state = {},
                std::function<absl::Status(const SimState&)> save = nullptr);

  // The contract, as Driver states it.
  Capacity GetCapacity() const;
  absl::Status Start(const RunSpec& spec);
  absl::Status Stop(const RunId& id, absl::Duration grace);
  absl::StatusOr<Listing> List();
  absl::Status Renew(const RunId& id, absl::Duration until);
  absl::Status SetFence(const RunId& id, bool fence, absl::Duration until);
  absl::Status Forget(const RunId& id);
  // The run whose disk this one has: itself, or the first of those it goes on from. Empty if it is
  // not here.
  std::string DiskOf(const RunId& id);

  // Other hands. `name` is a machine's name, its owner ("ci/build") or its uid. NOT_FOUND.
  absl::Status KillVm(absl::string_view name);
  absl::Status AddVm(absl::string_view name, absl::string_view os);
  absl::Status AddImage(absl::string_view name, std::int64_t bytes);
  absl::Status RemoveImage(absl::string_view name);
  // Power is cut: everything ends, slots are free, the boot id is new.
  absl::Status Reboot();
  // From now on.
  void SetOptions(const SimOptions& options);

  // Everything alive now, in order of name.
  std::vector<LiveVm> Live();

 private:
  absl::Status RenewRun(const RunId& id, std::optional<bool> fence, absl::Duration until);
  // Works out what time has brought.
  void Settle(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void End(SimVm& vm, RunPhase phase, absl::string_view message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Admit(const RunSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SimVm* Find(const RunId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives a copy of the state to `save_`. Never with mu_ held: it may enter Io.
  absl::Status Save() ABSL_LOCKS_EXCLUDED(mu_);

  Clock& clock_;
  Random& random_;
  const std::function<absl::Status(const SimState&)> save_;
  mutable Mutex mu_;
  SimOptions options_ ABSL_GUARDED_BY(mu_);
  SimState state_ ABSL_GUARDED_BY(mu_);
  bool saving_ ABSL_GUARDED_BY(mu_) = false;
  bool unsaved_ ABSL_GUARDED_BY(mu_) = false;
};

// `hypervisor` must outlive the driver.
std::unique_ptr<Driver> MakeSimDriver(SimHypervisor& hypervisor);

}  // namespace espalier::agent
