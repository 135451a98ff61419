// GrpcServer: Resources, Sessions, tokens and the audit trail over gRPC, in the callback style:
// gRPC's own threads only move messages, calls that may block run on a bounded pool, watches on one
// pump. gRPC stays in the .cc files of grpc/. Owned by the daemon.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/api/audit.h"
#include "engine/api/resources.h"
#include "engine/api/secrets.h"
#include "engine/api/sessions.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/limits.h"
#include "engine/listen/listen.h"
#include "engine/server/auth/tokens.h"
#include "engine/server/metrics.h"

namespace espalier {

// What is served. All must outlive the server; `resources`, `tokens` and `audit` check permissions
// themselves.
struct Served {
  Clock& clock;
  Threads& threads;
  Resources& resources;
  Sessions& sessions;
  Lease& lease;
  Tokens& tokens;
  Audit& audit;
  Secrets& secrets;
  Metrics& metrics;
};

// Of calls that may block. Writers wait for a shared disk sync: the more wait together, the more
// share it. One that finds all places taken is RESOURCE_EXHAUSTED, and told when to come again.
struct CallLimits {
  std::size_t at_work = 32;
  std::size_t waiting = limits::kWaitingCalls;
};

class GrpcServer {
 public:
  // Listens on "host:port" (port 0 lets the system choose) and serves. FAILED_PRECONDITION beyond
  // loopback without TLS; UNAVAILABLE if the address is taken or the certificates do not fit.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const Served& served,
                                                           const std::string& address,
                                                           const TlsFiles& tls,
                                                           const CallLimits& call_limits = {});
  virtual ~GrpcServer() = default;

  // With the port that was chosen.
  virtual std::string address() const = 0;
  // Refuses new calls, ends streams, and lets unary calls finish for up to `grace`. Once.
  virtual void Stop(absl::Duration grace) = 0;
};

}  // namespace espalier
