#include "reconciler/hook_listener.h"

#include <httplib.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

// Few, because a hook is a hint: what waits or is turned away is made good by the next poll.
constexpr std::size_t kThreads = 4;
// Forges send some twenty, proxies add a few.
constexpr std::size_t kHeaders = 100;
constexpr int kReadSeconds = 5;
// For all of a body: the library's own timeout begins anew with every byte.
constexpr absl::Duration kBodyTime = absl::Seconds(10);

HttpHeaders HeadersOf(const httplib::Request& request) {
  HttpHeaders headers;
  for (const auto& [name, value] : request.headers) headers.emplace_back(name, value);
  return headers;
}

}  // namespace

struct HookListener::Impl {
  explicit Impl(Clock& c) : clock(c) {}

  Clock& clock;
  httplib::Server server;
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
    const absl::Duration deadline = clock.Elapsed() + kBodyTime;
    std::string body;
    bool too_large = false;
    const bool complete = read([&](const char* data, std::size_t size) {
      too_large = body.size() + size > limits::kWebhookBody;
      if (too_large || clock.Elapsed() > deadline) return false;
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
                                                                  const Address& address,
                                                                  Handler handler,
                                                                  ReadPlan read_plan,
                                                                  ReadMetrics read_metrics) {
  if (!IsLoopback(address.host)) {
    return absl::FailedPreconditionError(
        absl::StrCat("webhooks are taken on loopback only, not on ", address.ToString(),
                     "; let a proxy with TLS stand in front"));
  }
  auto impl = std::make_unique<Impl>(clock);
  impl->handler = std::move(handler);
  impl->read_plan = std::move(read_plan);
  impl->read_metrics = std::move(read_metrics);
  httplib::Server& server = impl->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_tcp_nodelay(true);
  // Not the library's SO_REUSEPORT: a second reconciler on this address shall fail, not take half.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server.set_keep_alive_max_count(1);
  server.set_read_timeout(kReadSeconds, 0);
  server.set_write_timeout(kReadSeconds, 0);
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
