// The sim driver of the real agent: its simulated Mac lives in files below the agent's state
// directory, so that VMs outlive the agent, and other hands can reach the Mac behind the engine's
// back:
//
//   <dir>/state.json        the machine
//   <dir>/orders/<name>     an order of a person, one line of words; taken away once carried out
//   <dir>/orders/<name>.err why it was not
//
// Orders: "kill-vm NAME", "add-vm NAME [OS]", "add-image NAME [BYTES]", "remove-image NAME",
// "reboot".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/random.h"
#include "macagent/driver/driver.h"
#include "macagent/driver/sim.h"

namespace espalier::agent {

// The driver over the machine in `dir`, which is made if it is not there. DATA_LOSS if its state
// cannot be read. `clock`, `random` and `io` must outlive it.
absl::StatusOr<std::unique_ptr<Driver>> MakeFileSimDriver(Clock& clock, Random& random, Io& io,
                                                          const std::string& dir,
                                                          const SimOptions& options);

// Gives an order and waits until a running agent has carried it out. INVALID_ARGUMENT for what is
// no order; DEADLINE_EXCEEDED when no agent took it within `timeout` (it is withdrawn); else what
// the machine said. Does not return before; for the command line.
absl::Status GiveSimOrder(Clock& clock, Random& random, Io& io, const std::string& dir,
                          const std::vector<std::string>& words, absl::Duration timeout);

}  // namespace espalier::agent
