// A runner: the process that owns one qemu machine. It is started by the agent in a session of its
// own, in the run's bundle directory, and goes on when the agent dies. It answers on runner.sock:
//
//   status                    the run's record
//   renew UNTIL_US            the run may go on until then (Clock::Elapsed() in microseconds)
//   fence 0|1 UNTIL_US        the same, and whether it ends then
//   stop GRACE_MS             power button, and after the grace the end
//
// and ends the machine by itself when the run lease is over and the run is fenced. At the end it
// leaves the disk, and the record with how the run ended, for the agent.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"

namespace espalier::agent {

// Runs the machine of the bundle in the working directory until its end. The process's exit code:
// 0 also if the machine failed (the record says so), 1 if there is no bundle to run. `self` is this
// program, which is called with "tied" in front of qemu's command line (see ExecTied).
int RunVm(Clock& clock, Threads& threads, Io& io, const std::string& self);

// Becomes the program argv[0], tied to its parent: it is killed when the parent dies, however that
// happens (Linux; elsewhere the agent finds such a machine by its socket). Returns only on failure.
int ExecTied(char** argv);

}  // namespace espalier::agent
