// HttpServer: HTTP/1.1 over cpp-httplib, which stays in the .cc files here. A connection takes a
// thread while it is open; those that come when all are taken wait in the kernel. What a client may
// take of time and memory is bounded before anything is looked at: a request has one deadline, from
// its first byte to its last, however it is sent. An answer goes on for as long as it is taken.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/listen/http_call.h"
#include "engine/listen/listen.h"

namespace espalier {

class HttpServer {
 public:
  struct Handlers {
    // Called before the body is read: an answer with a status other than 0 ends the call.
    std::function<HttpAnswer(const HttpCall&)> admit;
    // The call with its body. Called on many threads at once.
    std::function<HttpAnswer(const HttpCall&)> answer;
  };

  struct Options {
    // "host:port"; port 0 lets the system choose.
    std::string address;
    TlsFiles tls;
    // Of its threads; so many serve, and so many connections wait for them.
    absl::string_view name = "http";
    std::size_t threads = 4;
    std::size_t waiting = 64;
    // More is 413.
    std::size_t body_bytes = 1024 * 1024;
    // Within which all of a request must be there, headers and body: else 408, or the end.
    absl::Duration request_time = absl::Seconds(30);
    // After that, for all of the answer.
    absl::Duration answer_time = absl::InfiniteDuration();
    // False: one request each.
    bool keep_alive = true;
  };

  // Listens and serves. FAILED_PRECONDITION beyond loopback without TLS; UNAVAILABLE if the address
  // is taken; INVALID_ARGUMENT if the certificates do not fit. Borrowed: clock and threads.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Clock& clock, Threads& threads,
                                                           Handlers handlers,
                                                           const Options& options);
  virtual ~HttpServer() = default;

  // With the port that was chosen.
  virtual std::string address() const = 0;
  // Refuses new connections, ends streams and waits for what is under way. Once.
  virtual void Stop() = 0;
};

}  // namespace espalier
