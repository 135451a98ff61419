// HttpServer: a small HTTP/1.1 server on a free loopback port, whose answers a test programs: also
// slow, cut off, redirecting, malformed ones. Keeps connections alive. Stops in its destructor.
// Thread-safe; the handler is called on the connections' threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "engine/base/executor.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"

namespace espalier {

struct ServerRequest {
  std::string method;
  // "/v2/name/blobs/x?y=z" taken apart at the question mark.
  std::string path;
  std::string query;
  HttpHeaders headers;
  std::string body;

  // The first header of that name, or empty.
  absl::string_view Header(absl::string_view name) const;
};

struct ServerAnswer {
  int status = 200;
  // Content-Length is added unless given.
  HttpHeaders headers;
  std::string body;
  // Answers "Range: bytes=a-" and "bytes=a-b" with 206 and that part of the body.
  bool honour_range = false;
  // The connection is closed after so many bytes of the body.
  std::int64_t cut_after = -1;
  // After so many bytes nothing more comes until the server stops.
  std::int64_t stall_after = -1;
  // Sent instead of everything else.
  std::string raw;
};

class HttpServer {
 public:
  using Handler = std::function<ServerAnswer(const ServerRequest&)>;

  HttpServer(Threads& threads, Handler handler);
  ~HttpServer();

  int port() const { return port_; }
  // "127.0.0.1:port".
  std::string address() const;
  // "http://127.0.0.1:port".
  std::string url() const;
  // What was asked so far, oldest first.
  std::vector<ServerRequest> requests() const;
  int connections() const;

 private:
  class Connection;

  void AcceptAll();
  void Serve(int fd);

  Threads& threads_;
  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  // Closed to wake what waits in a stalled answer or an accept.
  int stop_read_ = -1;
  int stop_write_ = -1;
  std::unique_ptr<Thread> acceptor_;
  mutable Mutex mu_;
  std::vector<ServerRequest> requests_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Thread>> servers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
