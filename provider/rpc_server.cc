#include "provider/rpc_server.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"

namespace espalier::provider {
namespace {

// Core has one; whoever attaches to a debugger's has one each.
constexpr std::size_t kMaxConnections = 64;

int PollTimeout(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return -1;
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))));
}

}  // namespace

RpcServer::RpcServer(Clock& clock, Threads& threads, std::map<std::string, Handler> methods,
                     const RpcLimits& limits)
    : clock_(clock), threads_(threads), methods_(std::move(methods)), limits_(limits) {}

RpcServer::~RpcServer() { ESPALIER_CHECK(thread_ == nullptr); }

absl::Status RpcServer::Start(Descriptor listener, std::unique_ptr<TlsServer> tls) {
  ESPALIER_ASSIGN_OR_RETURN(auto pipe, MakePipe());
  wake_read_ = std::move(pipe.first);
  wake_write_ = std::move(pipe.second);
  tls_ = std::move(tls);
  listener_ = std::move(listener);
  thread_ = threads_.Start("rpc", [this] { Serve(); });
  return absl::OkStatus();
}

void RpcServer::Stop(absl::Duration patience) {
  if (thread_ == nullptr) return;
  {
    MutexLock lock(mu_);
    stops_at_ = clock_.Elapsed() + patience;
  }
  Wake();
  thread_->Join();
  thread_.reset();
}

absl::Duration RpcServer::StopsAt() const {
  MutexLock lock(mu_);
  return stops_at_;
}

void RpcServer::Wake() {
  const char byte = 0;
  // A full pipe wakes as well.
  [[maybe_unused]] const ssize_t written = ::write(wake_write_.fd(), &byte, 1);
}

void RpcServer::Serve() {
  bool retired = false;
  bool cancelled = false;
  while (true) {
    const absl::Duration stops_at = StopsAt();
    absl::Duration timeout = stops_at;
    if (stops_at != absl::InfiniteDuration()) {
      if (!std::exchange(retired, true)) {
        listener_ = Descriptor();
        for (const auto& connection : connections_) connection->Retire();
      }
      if (std::none_of(connections_.begin(), connections_.end(),
                       [](const auto& connection) { return connection->HasCalls(); })) {
        break;
      }
      timeout = std::max(stops_at - clock_.Elapsed(), absl::ZeroDuration());
      if (cancelled) timeout = absl::InfiniteDuration();
      if (timeout == absl::ZeroDuration()) {
        cancelled = true;
        for (const auto& connection : connections_) connection->CancelCalls();
      }
    }
    Turn(timeout);
  }
  connections_.clear();
}

void RpcServer::Turn(absl::Duration timeout) {
  const bool accepts = connections_.size() < kMaxConnections;
  polled_.clear();
  polled_.push_back({wake_read_.fd(), POLLIN, 0});
  polled_.push_back({accepts ? listener_.fd() : -1, POLLIN, 0});
  for (const auto& connection : connections_) polled_.push_back(connection->Awaited());
  if (::poll(polled_.data(), polled_.size(), PollTimeout(timeout)) <= 0) return;
  if (polled_[0].revents != 0) {
    char bytes[64];
    [[maybe_unused]] const ssize_t taken = ::read(wake_read_.fd(), bytes, sizeof(bytes));
  }
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    if (polled_[i + 2].revents != 0) Receive(*connections_[i]);
  }
  connections_.erase(std::remove_if(connections_.begin(), connections_.end(),
                                    [](const auto& connection) { return connection->IsOver(); }),
                     connections_.end());
  if (polled_[1].revents == 0) return;
  Descriptor socket = Accept(listener_);
  if (socket.fd() < 0) return;
  connections_.push_back(std::make_unique<RpcConnection>(
      clock_, Channel(std::move(socket), tls_.get()), limits_, [this] { Wake(); }));
  // In the clear, what we offer is said before anything comes.
  connections_.back()->Flush();
}

void RpcServer::Receive(RpcConnection& connection) {
  for (RpcCall* call : connection.Receive()) Dispatch(*call);
  connection.Flush();
}

void RpcServer::Dispatch(RpcCall& call) {
  const auto handler = methods_.find(call.method());
  if (handler == methods_.end()) {
    call.Finish(absl::UnimplementedError(absl::StrCat("there is no method ", call.method())));
    return;
  }
  handler->second(call);
}

}  // namespace espalier::provider
