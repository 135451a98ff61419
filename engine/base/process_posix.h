// Running and watching other programs, for RealIo alone (see the contracts in io.h). Thread-safe.
#pragma once

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"

namespace espalier {

absl::StatusOr<ProcessResult> RunProcess(Clock& clock, const ProcessOptions& options);
absl::StatusOr<pid_t> SpawnProcess(const SpawnOptions& options);
absl::Status KillProcess(pid_t pid, int signal);
bool IsProcessAlive(pid_t pid);

}  // namespace espalier
