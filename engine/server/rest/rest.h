// RestService: the REST interface over Resources, as calls and answers. It acts as the API manager.
// What each part does is in the files beside this one. Thread-safe; owned by the daemon.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/listen/http_call.h"
#include "engine/server/auth/tokens.h"
#include "engine/server/grpc_server.h"
#include "engine/server/metrics.h"
#include "engine/server/rest/json_cache.h"
#include "engine/server/rest/route.h"

namespace espalier {

class RestService {
 public:
  // `gauges` is asked when somebody reads the metrics, `ready` when somebody asks whether calls are
  // served: OK or why not.
  RestService(const Served& served, std::function<Gauges()> gauges,
              std::function<absl::Status()> ready);

  // Before the body is read: status 0 lets the call in.
  HttpAnswer Admit(const HttpCall& call) const;
  // The whole call, with its body.
  HttpAnswer Answer(const HttpCall& call);

 private:
  absl::StatusOr<Identity> IdentityOf(const HttpCall& call) const;
  HttpAnswer AnswerOpen(const Route& route);
  HttpAnswer AnswerKnown(const Route& route, const HttpCall& call, const Identity& identity);

  const Served served_;
  const std::function<Gauges()> gauges_;
  const std::function<absl::Status()> ready_;
  const std::string openapi_;
  JsonCache lists_;
  std::atomic<int> watches_ = 0;
};

}  // namespace espalier
