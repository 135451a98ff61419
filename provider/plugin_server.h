// PluginServer: the socket on which core calls us, with the services that go-plugin's client
// expects beside the provider's own. gRPC stays in the .cc; what may block runs on workers, and
// calls that ask the engine for the same things are answered together (lane.h).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/log.h"
#include "provider/handshake.h"
#include "provider/provider.h"

namespace espalier::provider {

class PluginServer {
 public:
  virtual ~PluginServer() = default;

  // What core waits for on standard output. It may connect from now on.
  virtual const std::string& handshake_line() const = 0;
  // Removes the socket, takes no more calls and waits until those under way have answered.
  virtual void Stop() = 0;
};

// Listens on a socket that only this user can reach, with mutual TLS when core asks for it. `ended`
// is raised when core says that it is done with us. `unique` names the socket. Everything borrowed
// outlives the server. INTERNAL if the machine refuses socket or key.
absl::StatusOr<std::unique_ptr<PluginServer>> StartPluginServer(
    const PluginEnvironment& environment, const std::string& unique, Clock& clock, Threads& threads,
    Log& log, Provider& provider, Wakeup& ended);

}  // namespace espalier::provider
