// Run records: how drivers write down what they know of a run, as JSON on the disk, so that it
// outlives the agent. The only file of this folder that enters the JSON library. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "macagent/driver/driver.h"

namespace espalier::agent {

std::string EncodeRun(const RunState& run);
// DATA_LOSS naming what is wrong: a record is either whole or not there (Io::WriteFile), so this is
// somebody else's file.
absl::StatusOr<RunState> DecodeRun(absl::string_view text);

// "starting", "running", ...
absl::string_view PhaseName(RunPhase phase);
// INVALID_ARGUMENT for any other word.
absl::StatusOr<RunPhase> ParsePhase(absl::string_view name);

// What a simulated hypervisor keeps of one machine. `run.spec.id` is empty for a machine that
// nobody started through the contract. Times are Clock::Elapsed().
struct SimVm {
  RunState run;
  // The machine's name in the hypervisor.
  std::string name;
  // Which disk it has: the name of the run that began with it.
  std::string disk;
  // When it is up; infinite while it stalls.
  absl::Duration boots_at = absl::InfiniteDuration();
  // When it crashes by itself.
  absl::Duration crashes_at = absl::InfiniteDuration();
  // When a stop that was asked for is done.
  absl::Duration stops_at = absl::InfiniteDuration();
};

// All that a simulated hypervisor remembers.
struct SimState {
  std::string boot_id;
  std::vector<SimVm> vms;
  std::vector<UnknownImage> images;
  // macOS slots that ended machines did not give back.
  std::uint32_t leaked_slots = 0;
};
std::string EncodeSimState(const SimState& state);
absl::StatusOr<SimState> DecodeSimState(absl::string_view text);

}  // namespace espalier::agent
