#include "engine/server/rest/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/worker_pool.h"

namespace espalier {
namespace {

// Watches, and as many ordinary connections beside them.
constexpr std::size_t kWorkers = 2 * limits::kRestWatches;
constexpr int kBacklog = 256;
// An idle connection keeps its thread so long; it is also what Stop waits for at most.
constexpr time_t kKeepAliveSeconds = 2;
constexpr time_t kIoTimeoutSeconds = 10;

// httplib hands over each connection as a task.
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

HttpCall ReadCall(const httplib::Request& request) {
  HttpCall call;
  call.method = request.method == "HEAD" ? "GET" : request.method;
  call.path = request.path;
  for (const auto& [name, value] : request.params) call.query[name] = value;
  call.authorization = request.get_header_value("Authorization");
  call.content_type = request.get_header_value("Content-Type");
  call.if_match = request.get_header_value("If-Match");
  call.operation_id = request.get_header_value("Idempotency-Key");
  return call;
}

class Server final : public HttpServer {
 public:
  Server(Clock& clock, Threads& threads, Handlers handlers)
      : clock_(clock),
        threads_(threads),
        handlers_(std::move(handlers)),
        pool_(clock, threads, "http", kWorkers, /*max_queued=*/kWorkers) {}
  ~Server() override { ESPALIER_CHECK(stopped_); }

  absl::Status Listen(const Address& address, const TlsFiles& tls) {
    if (tls.enabled()) {
      // By their paths: httplib comes with an OpenSSL of its own, whose objects must not be mixed
      // with those of ours.
      server_ = std::make_unique<httplib::SSLServer>(
          tls.certificate_path.c_str(), tls.key_path.c_str(),
          tls.client_ca_path.empty() ? nullptr : tls.client_ca_path.c_str());
    } else {
      server_ = std::make_unique<httplib::Server>();
    }
    if (!server_->is_valid()) {
      return absl::InvalidArgumentError("the TLS certificate and key do not fit together");
    }
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
    acceptor_ = threads_.Start("http-accept", [this] {
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
    server_->set_keep_alive_max_count(1'000'000);
    server_->set_keep_alive_timeout(kKeepAliveSeconds);
    server_->set_read_timeout(kIoTimeoutSeconds);
    server_->set_write_timeout(kIoTimeoutSeconds);
    server_->set_payload_max_length(limits::kRestBody);
    server_->new_task_queue = [this] { return new PoolQueue(pool_); };
    // Like httplib's own, but without SO_REUSEPORT: two daemons must not share a port.
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
      const bool whole = !has_body || reader([&](const char* data, std::size_t size) {
        call.body.append(data, size);
        return call.body.size() <= limits::kRestBody;
      });
      // Else httplib has set the status: too large, or broken off.
      if (whole) Write(handlers_.answer(call), response);
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
    const HttpCall call = ReadCall(request);
    HttpAnswer refusal = handlers_.admit(call);
    const bool reads_body = call.method == "POST" || call.method == "PUT" ||
                            call.method == "PATCH" || call.method == "DELETE";
    if (refusal.status != 0) {
      // The body stays unread: nothing that comes after it on this connection can be trusted.
      if (reads_body) refusal.headers.emplace_back("Connection", "close");
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
  WorkerPool pool_;
  std::unique_ptr<httplib::Server> server_;
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
                                                              const std::string& address,
                                                              const TlsFiles& tls) {
  ESPALIER_ASSIGN_OR_RETURN(const Address parsed, CheckListen(address, tls.enabled()));
  auto server = std::make_unique<Server>(clock, threads, std::move(handlers));
  if (absl::Status listening = server->Listen(parsed, tls); !listening.ok()) {
    server->Stop();
    return listening;
  }
  return server;
}

}  // namespace espalier
