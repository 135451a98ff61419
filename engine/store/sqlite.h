// The embedded store: an append log in one SQLite file, read into memory at the start. What Commit
// has answered survives kill -9 and loss of power.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/limits.h"
#include "engine/store/store.h"

namespace espalier {

struct SqliteOptions {
  // The log is swept once it has so many rows more than live keys and history need:
  // often enough that a start stays short, seldom enough that writers do not wait for it.
  std::size_t sweep_slack_rows = 8192;
};

// Opens the store in the file `path`, which is made if it is not there; its folder must exist.
// Starts one thread, which owns the file until Close. FAILED_PRECONDITION: another process has it
// open, it is no store, or a newer version wrote it. DATA_LOSS: it is damaged. UNAVAILABLE: the
// disk fails. `clock` and `threads` are borrowed and outlive the store. REQUIRES: Close() is called
// before the store is destroyed.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(Clock& clock, Threads& threads,
                                                       const std::string& path,
                                                       const SqliteOptions& options = {});

}  // namespace espalier
