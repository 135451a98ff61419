// LightAgents: many hosts in one process, as an engine sees them: each has a connection, a token, a
// lease and a watch of its own, and reports every VM that is placed on it as running. What a real
// agent does between (images, drivers, ports) is left out. Owned by a benchmark; one thread starts,
// asks and destroys it, gRPC's threads do the rest.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/client/remote.h"
#include "engine/model/kind.h"

namespace espalier {

class LightAgents {
 public:
  // `arrived` is called on threads of gRPC, with Elapsed(), when an agent first sees a run of a VM
  // that is placed on it. All borrowed.
  LightAgents(Clock& clock, Threads& threads, Io& io, std::string engine,
              std::function<void(const std::string& vm, absl::Duration at)> arrived);
  // Ends leases, watches and connections.
  ~LightAgents();

  // Makes a token for each of `count` hosts with `admin`, registers them, begins their leases and
  // watches. An error is the engine's.
  absl::Status Start(Remote& admin, std::size_t count);

  // VMs that their agents have seen running, as the engine confirmed.
  std::size_t running() const { return running_.load(); }

 private:
  class Agent;

  void Beat();

  Clock& clock_;
  Threads& threads_;
  Io& io_;
  const std::string engine_;
  const std::function<void(const std::string&, absl::Duration)> arrived_;
  std::atomic<std::size_t> running_ = 0;
  std::vector<std::unique_ptr<Agent>> agents_;
  Wakeup stop_;
  std::unique_ptr<Thread> beating_;
};

}  // namespace espalier
