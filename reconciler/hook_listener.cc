#include "reconciler/hook_listener.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/worker_pool.h"

namespace espalier {
namespace {

// Few, because a hook is a hint: what waits or is turned away is made good by the next poll.
constexpr std::size_t kThreads = 4;
constexpr std::size_t kWaiting = 64;
// Forges send some twenty, proxies add a few.
constexpr std::size_t kHeaders = 100;
// After the request, for all of an answer: plans may be large, and links slow.
constexpr absl::Duration kAnswerTime = absl::Seconds(60);
// First line, headers and the lengths of chunks: the library bounds lines, not how many there are.
constexpr std::size_t kBesideBody = 256 << 10;
constexpr std::size_t kReadBuffer = 4096;

HttpHeaders HeadersOf(const httplib::Request& request) {
  HttpHeaders headers;
  for (const auto& [name, value] : request.headers) headers.emplace_back(name, value);
  return headers;
}

// One connection, with a deadline for all of the request and one for all of the answer (the
// library's own timeouts begin anew with every byte), and a bound for what is read before anybody
// has looked at it.
class Connection final : public httplib::Stream {
 public:
  Connection(Clock& clock, int socket, absl::Duration request_time)
      : clock_(clock),
        socket_(socket),
        request_until_(clock.Elapsed() + request_time),
        answer_until_(request_until_ + kAnswerTime) {}

  bool is_readable() const override { return begin_ < end_ || Wait(POLLIN, request_until_); }
  bool is_writable() const override { return Wait(POLLOUT, answer_until_); }

  ssize_t read(char* out, std::size_t size) override {
    if (begin_ == end_) {
      if (received_ > limits::kWebhookBody + kBesideBody) return -1;
      if (!Wait(POLLIN, request_until_)) return -1;
      const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
      if (got <= 0) return got;
      received_ += static_cast<std::size_t>(got);
      begin_ = 0;
      end_ = static_cast<std::size_t>(got);
    }
    const std::size_t count = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, count, out);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* data, std::size_t size) override {
    std::size_t sent = 0;
    while (sent < size) {
      if (!Wait(POLLOUT, answer_until_)) return -1;
      const ssize_t put = ::send(socket_, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put < 0 && errno != EAGAIN) return -1;
      if (put > 0) sent += static_cast<std::size_t>(put);
    }
    return static_cast<ssize_t>(size);
  }
  // Nobody asks who it is.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  // Asked before each call, so that who is always ready ends in time as well.
  bool Wait(short events, absl::Duration until) const {
    for (;;) {
      const absl::Duration left = until - clock_.Elapsed();
      if (left <= absl::ZeroDuration()) return false;
      pollfd waiting = {.fd = socket_, .events = events, .revents = 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  Clock& clock_;
  const int socket_;
  const absl::Duration request_until_;
  const absl::Duration answer_until_;
  std::size_t received_ = 0;
  std::array<char, kReadBuffer> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// The library hands over each connection as a task.
class PoolQueue final : public httplib::TaskQueue {
 public:
  PoolQueue(Clock& clock, Threads& threads) : pool_(clock, threads, "hook", kThreads, kWaiting) {}
  void enqueue(std::function<void()> task) override {
    // Beyond that the accepting thread serves it itself, and new ones wait in the kernel. Dropping
    // the task would leak its socket.
    if (!pool_.Post(task).ok()) task();
  }
  void shutdown() override { pool_.Stop(); }

 private:
  WorkerPool pool_;
};

class Server final : public httplib::Server {
 public:
  Server(Clock& clock, absl::Duration request_time) : clock_(clock), request_time_(request_time) {}

 private:
  // One request each.
  bool process_and_close_socket(socket_t socket) override {
    Connection connection(clock_, socket, request_time_);
    bool closed = false;
    const bool answered =
        process_request(connection, /*close_connection=*/true, closed, /*setup_request=*/nullptr);
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return answered;
  }

  Clock& clock_;
  const absl::Duration request_time_;
};

}  // namespace

struct HookListener::Impl {
  Impl(Clock& clock, absl::Duration request_time) : server(clock, request_time) {}

  Server server;
  Handler handler;
  ReadPlan read_plan;
  ReadMetrics read_metrics;
  std::unique_ptr<Thread> thread;

  void AnswerPlan(const httplib::Request& request, httplib::Response& response) {
    const bool as_json = request.matches[3].length() > 0;
    const absl::StatusOr<std::string> plan =
        read_plan(request.matches[1].str(), request.matches[2].str(), as_json);
    if (!plan.ok()) {
      response.status = 404;
      return;
    }
    // Text and nothing else, whatever names in it look like.
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Cache-Control", "private, max-age=3600");
    response.set_content(*plan, as_json ? "application/json" : "text/plain; charset=utf-8");
  }

  void Answer(const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader& read) {
    if (request.headers.size() > kHeaders) {
      response.status = 431;
      return;
    }
    // Nobody who signs bytes packs them, and what is packed may unpack without end.
    if (!request.get_header_value("Content-Encoding").empty()) {
      response.status = 415;
      return;
    }
    std::string body;
    bool too_large = false;
    const bool complete = read([&](const char* data, std::size_t size) {
      too_large = body.size() + size > limits::kWebhookBody;
      if (too_large) return false;
      body.append(data, size);
      return true;
    });
    if (!complete) {
      // The library has answered 413 itself when the length was announced.
      if (response.status != 413) response.status = too_large ? 413 : 408;
      return;
    }
    response.status = handler(request.matches[1].str(), HeadersOf(request), body);
  }
};

absl::StatusOr<std::unique_ptr<HookListener>> HookListener::Start(Clock& clock, Threads& threads,
                                                                  const Options& options,
                                                                  Handler handler,
                                                                  ReadPlan read_plan,
                                                                  ReadMetrics read_metrics) {
  const Address& address = options.address;
  if (!IsLoopback(address.host)) {
    return absl::FailedPreconditionError(
        absl::StrCat("webhooks are taken on loopback only, not on ", address.ToString(),
                     "; let a proxy with TLS stand in front"));
  }
  auto impl = std::make_unique<Impl>(clock, options.request_time);
  impl->handler = std::move(handler);
  impl->read_plan = std::move(read_plan);
  impl->read_metrics = std::move(read_metrics);
  httplib::Server& server = impl->server;
  server.new_task_queue = [&clock, &threads] { return new PoolQueue(clock, threads); };
  server.set_tcp_nodelay(true);
  // Not the library's SO_REUSEPORT: a second reconciler on this address shall fail, not take half.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server.set_payload_max_length(limits::kWebhookBody);
  server.Post(R"(/hooks/([a-z0-9-]{1,63}))",
              [raw = impl.get()](const httplib::Request& request, httplib::Response& response,
                                 const httplib::ContentReader& read) {
                raw->Answer(request, response, read);
              });
  server.Get(R"(/plans/([a-z0-9-]{1,63})/([0-9a-f]{64})(\.json)?)",
             [raw = impl.get()](const httplib::Request& request, httplib::Response& response) {
               raw->AnswerPlan(request, response);
             });
  server.Get("/metrics", [raw = impl.get()](const httplib::Request&, httplib::Response& response) {
    response.set_content(raw->read_metrics(), "text/plain; version=0.0.4");
  });
  Address chosen = address;
  if (address.port == 0) {
    const int port = server.bind_to_any_port(address.host);
    chosen.port = static_cast<std::uint16_t>(port > 0 ? port : 0);
  } else if (!server.bind_to_port(address.host, address.port)) {
    chosen.port = 0;
  }
  if (chosen.port == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address.ToString()));
  }
  impl->thread = threads.Start("webhook", [raw = impl.get()] { raw->server.listen_after_bind(); });
  // The library forgets a stop that comes before it has begun.
  while (!server.is_running()) clock.Sleep(absl::Milliseconds(1));
  return std::unique_ptr<HookListener>(new HookListener(std::move(impl), std::move(chosen)));
}

HookListener::HookListener(std::unique_ptr<Impl> impl, Address address)
    : impl_(std::move(impl)), address_(std::move(address)) {}

HookListener::~HookListener() { ESPALIER_CHECK(impl_->thread == nullptr); }

void HookListener::Stop() {
  impl_->server.stop();
  impl_->thread->Join();
  impl_->thread.reset();
}

}  // namespace espalier
