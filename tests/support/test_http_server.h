// TestHttpServer: a small HTTP/1.1 server on a free loopback port, whose answers a test programs:
// also slow, cut off, redirecting, malformed ones. Keeps connections alive. Stops in its
// destructor. Thread-safe; the handler is called on the connections' threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "engine/base/executor.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"
#include "tests/support/loopback_server.h"
#include "tests/support/tls_authority.h"

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

// TLS of a server, in PEM.
struct ServerTls {
  TlsIdentity identity;
  // Whoever shows no certificate of this authority is refused; empty: nobody is asked for one.
  std::string client_authority;
};

class TestHttpServer {
 public:
  using Handler = std::function<ServerAnswer(const ServerRequest&)>;

  TestHttpServer(Threads& threads, Handler handler,
                 const std::optional<ServerTls>& tls = std::nullopt);
  ~TestHttpServer();

  int port() const { return server_->port(); }
  // "127.0.0.1:port".
  std::string address() const { return server_->address(); }
  // "http://127.0.0.1:port", or https.
  std::string url() const;
  // What was asked so far, oldest first.
  std::vector<ServerRequest> requests() const;
  int connections() const { return server_->connections(); }

 private:
  class Connection;
  struct TlsContext;

  const Handler handler_;
  const std::unique_ptr<TlsContext> tls_;
  mutable Mutex mu_;
  std::vector<ServerRequest> requests_ ABSL_GUARDED_BY(mu_);
  // Last: its threads use all of the above.
  std::unique_ptr<LoopbackServer> server_;
};

}  // namespace espalier
