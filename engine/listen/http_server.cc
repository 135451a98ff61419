#include "engine/listen/http_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"
#include "engine/base/worker_pool.h"
#include "engine/listen/accepted_connection.h"
#include "engine/listen/tls_acceptor.h"

namespace espalier {
namespace {

constexpr int kBacklog = 256;
// An idle connection keeps its thread so long; it is also what Stop waits for at most.
constexpr absl::Duration kIdleTime = absl::Seconds(2);
constexpr absl::Duration kWriteTime = absl::Seconds(10);
// Browsers and forges send some twenty, proxies add a few.
constexpr std::size_t kHeaders = 100;
// First line, headers and the lengths of chunks: the library bounds lines, not how many there are.
constexpr std::size_t kBesideBody = 256 << 10;

// The library hands over each connection as a task.
class PoolQueue final : public httplib::TaskQueue {
 public:
  explicit PoolQueue(WorkerPool& pool) : pool_(pool) {}
  void enqueue(std::function<void()> task) override {
    // When all workers are taken the accepting thread serves the connection itself: new ones wait
    // in the kernel meanwhile. Dropping the task would leak its socket.
    if (!pool_.Post(task).ok()) task();
  }
  void shutdown() override { pool_.Stop(); }

 private:
  WorkerPool& pool_;
};

// The library's server with our connections. TLS is ours as well: the library's own has no deadline
// for a request, and comes with another copy of OpenSSL. (Its constructor has the process ignore
// SIGPIPE, which writes over TLS need.)
class Library final : public httplib::Server {
 public:
  Library(Clock& clock, std::unique_ptr<TlsAcceptor> tls, const ConnectionLimits& limits,
          bool keep_alive)
      : clock_(clock), tls_(std::move(tls)), limits_(limits), keep_alive_(keep_alive) {}

 private:
  bool process_and_close_socket(socket_t socket) override {
    const bool answered = Serve(socket);
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return answered;
  }

  bool Serve(socket_t socket) {
    AcceptedConnection connection(clock_, socket, tls_.get(), limits_);
    bool more = connection.Greet();
    bool answered = false;
    while (more && svr_sock_ != INVALID_SOCKET && connection.AwaitRequest(kIdleTime)) {
      bool last = !keep_alive_;
      answered = process_request(connection, /*close_connection=*/last, last,
                                 [&last](httplib::Request& request) {
                                   // A field of clients, by which a handler reaches us: see Last.
                                   request.progress = [&last](std::uint64_t, std::uint64_t) {
                                     last = true;
                                     return true;
                                   };
                                 });
      more = answered && !last;
    }
    return answered;
  }

  Clock& clock_;
  const std::unique_ptr<TlsAcceptor> tls_;
  const ConnectionLimits limits_;
  const bool keep_alive_;
};

// The body stays unread: nothing that comes after it on this connection can be trusted.
void Last(const httplib::Request& request, httplib::Response& response) {
  response.set_header("Connection", "close");
  request.progress(0, 0);
}

HttpCall ReadCall(const httplib::Request& request) {
  HttpCall call;
  call.method = request.method == "HEAD" ? "GET" : request.method;
  call.path = request.path;
  for (const auto& [name, value] : request.params) call.query[name] = value;
  call.authorization = request.get_header_value("Authorization");
  call.content_type = request.get_header_value("Content-Type");
  call.if_match = request.get_header_value("If-Match");
  call.operation_id = request.get_header_value("Idempotency-Key");
  for (const auto& [name, value] : request.headers) call.headers.emplace_back(name, value);
  return call;
}

class Server final : public HttpServer {
 public:
  Server(Clock& clock, Threads& threads, Handlers handlers, const Options& options)
      : clock_(clock),
        threads_(threads),
        handlers_(std::move(handlers)),
        body_bytes_(options.body_bytes),
        pool_(clock, threads, options.name, options.threads, options.waiting) {}
  ~Server() override { ESPALIER_CHECK(stopped_); }

  absl::Status Listen(const Address& address, const Options& options) {
    std::unique_ptr<TlsAcceptor> tls;
    if (options.tls.enabled()) {
      ESPALIER_ASSIGN_OR_RETURN(tls, TlsAcceptor::Make(options.tls));
    }
    server_ = std::make_unique<Library>(
        clock_, std::move(tls),
        ConnectionLimits{.request_time = options.request_time,
                         .answer_time = options.answer_time,
                         .write_time = kWriteTime,
                         .request_bytes = options.body_bytes + kBesideBody},
        options.keep_alive);
    Configure();
    int port = address.port;
    if (port == 0) {
      port = server_->bind_to_any_port(address.host);
    } else if (!server_->bind_to_port(address.host, port)) {
      port = -1;
    }
    if (port < 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", address.ToString()));
    }
    // httplib's own backlog is 5.
    ::listen(socket_, kBacklog);
    address_ = Address{.host = address.host, .port = static_cast<std::uint16_t>(port)}.ToString();
    acceptor_ = threads_.Start(absl::StrCat(options.name, "-accept"), [this] {
      server_->listen_after_bind();
      accepting_ended_ = true;
    });
    return absl::OkStatus();
  }

  std::string address() const override { return address_; }

  void Stop() override {
    ESPALIER_CHECK(!stopped_);
    stopped_ = true;
    stopping_ = true;
    if (acceptor_ == nullptr) return pool_.Stop();
    // httplib ignores a stop that comes before its loop has begun.
    while (!server_->is_running() && !accepting_ended_) clock_.Sleep(absl::Milliseconds(1));
    server_->stop();
    // The acceptor shuts the queue down, and so the pool.
    acceptor_->Join();
  }

 private:
  void Configure() {
    server_->set_tcp_nodelay(true);
    // What clients are told.
    server_->set_keep_alive_max_count(1'000'000);
    server_->set_keep_alive_timeout(absl::ToInt64Seconds(kIdleTime));
    server_->set_payload_max_length(body_bytes_);
    server_->new_task_queue = [this] { return new PoolQueue(pool_); };
    // Like httplib's own, but without SO_REUSEPORT: two processes must not share a port.
    server_->set_socket_options([this](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
      socket_ = socket;
    });
    server_->set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          return BeforeBody(request, response) ? httplib::Server::HandlerResponse::Handled
                                               : httplib::Server::HandlerResponse::Unhandled;
        });
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      HttpCall call = ReadCall(request);
      // Without either header there is no body; httplib would wait for one.
      const bool has_body =
          request.has_header("Content-Length") || request.has_header("Transfer-Encoding");
      bool too_large = false;
      const bool whole = !has_body || reader([&](const char* data, std::size_t size) {
        too_large = call.body.size() + size > body_bytes_;
        if (!too_large) call.body.append(data, size);
        return !too_large;
      });
      if (whole) return Write(handlers_.answer(call), response);
      // The library has answered 413 itself when the length was announced.
      if (response.status != 413) response.status = too_large ? 413 : 408;
      Last(request, response);
    };
    server_->Post(".*", with_body);
    server_->Put(".*", with_body);
    server_->Patch(".*", with_body);
    server_->Delete(".*", with_body);
    server_->set_exception_handler([](const httplib::Request&, httplib::Response& response,
                                      const std::exception_ptr&) { response.status = 500; });
  }

  // Answers what needs no body, or must not have one read. Whether it did.
  bool BeforeBody(const httplib::Request& request, httplib::Response& response) {
    if (request.headers.size() > kHeaders) {
      response.status = 431;
      Last(request, response);
      return true;
    }
    const HttpCall call = ReadCall(request);
    HttpAnswer refusal = handlers_.admit(call);
    const bool reads_body = call.method == "POST" || call.method == "PUT" ||
                            call.method == "PATCH" || call.method == "DELETE";
    if (refusal.status != 0) {
      if (reads_body) Last(request, response);
      Write(std::move(refusal), response);
      return true;
    }
    if (reads_body) return false;
    Write(handlers_.answer(call), response);
    return true;
  }

  void Write(HttpAnswer answer, httplib::Response& response) {
    response.status = answer.status;
    for (const auto& [name, value] : answer.headers) response.set_header(name, value);
    if (!answer.stream) {
      response.body = std::move(answer.body);
      response.set_header("Content-Type", answer.content_type);
      return;
    }
    response.set_chunked_content_provider(
        answer.content_type,
        [this, stream = std::move(answer.stream)](std::size_t, httplib::DataSink& sink) {
          bool taken = true;
          stream({.write =
                      [&](absl::string_view bytes) {
                        taken =
                            taken && sink.is_writable() && sink.write(bytes.data(), bytes.size());
                        return taken;
                      },
                  .stopping = [this] { return stopping_.load(); }});
          sink.done();
          return taken;
        });
  }

  Clock& clock_;
  Threads& threads_;
  const Handlers handlers_;
  const std::size_t body_bytes_;
  WorkerPool pool_;
  std::unique_ptr<Library> server_;
  std::unique_ptr<Thread> acceptor_;
  std::string address_;
  socket_t socket_ = INVALID_SOCKET;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> accepting_ended_ = false;
  bool stopped_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Clock& clock, Threads& threads,
                                                              Handlers handlers,
                                                              const Options& options) {
  ESPALIER_ASSIGN_OR_RETURN(const Address address,
                            CheckListen(options.address, options.tls.enabled()));
  auto server = std::make_unique<Server>(clock, threads, std::move(handlers), options);
  if (absl::Status listening = server->Listen(address, options); !listening.ok()) {
    server->Stop();
    return listening;
  }
  return server;
}

}  // namespace espalier
