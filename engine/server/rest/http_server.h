// HttpServer: HTTP/1.1 over cpp-httplib, which stays in the .cc. A connection takes a worker thread
// while it is open; those that come when all are taken wait in the kernel. Owned by the daemon.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/server/listen.h"
#include "engine/server/rest/http.h"

namespace espalier {

class HttpServer {
 public:
  struct Handlers {
    // Called before the body is read: an answer with a status other than 0 ends the call.
    std::function<HttpAnswer(const HttpCall&)> admit;
    // The call with its body. Called on many threads at once.
    std::function<HttpAnswer(const HttpCall&)> answer;
  };

  // Listens on "host:port" (port 0 lets the system choose) and serves. FAILED_PRECONDITION beyond
  // loopback without TLS; UNAVAILABLE if the address is taken; INVALID_ARGUMENT if the certificates
  // do not fit. `clock` and `threads` must outlive it.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Clock& clock, Threads& threads,
                                                           Handlers handlers,
                                                           const std::string& address,
                                                           const TlsFiles& tls);
  virtual ~HttpServer() = default;

  // With the port that was chosen.
  virtual std::string address() const = 0;
  // Refuses new connections, ends streams and waits for what is under way. Once.
  virtual void Stop() = 0;
};

}  // namespace espalier
