// Daemon: the engine's object graph, built top to bottom and taken down in reverse. Owned by main.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/daemon/options.h"
#include "engine/model/secret.h"

namespace espalier {

// What the daemon takes from the machine. All must outlive it.
struct Machine {
  Clock& clock;
  Threads& threads;
  Io& io;
  Random& random;
  Log& log;
  Environment environment;
};

class Daemon {
 public:
  // Opens the data, starts controllers and servers, and writes the ready file. Errors say which
  // option or file is wrong; nothing is left running then.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(Machine machine,
                                                       const DaemonOptions& options);
  virtual ~Daemon() = default;

  virtual std::string grpc_address() const = 0;
  virtual std::string http_address() const = 0;
  // Refuses new calls, lets those under way end, stops everything and closes the data. Within five
  // seconds unless the disk hangs. Once.
  virtual void Stop() = 0;
};

}  // namespace espalier
