#include "tests/support/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

}  // namespace

LoopbackServer::LoopbackServer(Threads& threads, Serve serve)
    : threads_(threads), serve_(std::move(serve)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  ESPALIER_CHECK(listener_ >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ESPALIER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  ESPALIER_CHECK(listen(listener_, 64) == 0);
  ESPALIER_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  int ends[2];
  ESPALIER_CHECK(pipe(ends) == 0);
  stop_read_ = ends[0];
  stop_write_ = ends[1];
  acceptor_ = threads_.Start("accept", [this] { AcceptAll(); });
}

LoopbackServer::~LoopbackServer() {
  // The end of the pipe is seen by every thread, and stays.
  close(stop_write_);
  acceptor_->Join();
  std::vector<std::unique_ptr<Thread>> servers;
  {
    MutexLock lock(mu_);
    servers.swap(servers_);
  }
  for (const std::unique_ptr<Thread>& server : servers) server->Join();
  close(stop_read_);
  close(listener_);
}

std::string LoopbackServer::address() const { return absl::StrCat("127.0.0.1:", port_); }

int LoopbackServer::connections() const {
  MutexLock lock(mu_);
  return connections_;
}

void LoopbackServer::AcceptAll() {
  while (WaitReadable(listener_, stop_read_)) {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    {
      // Before anything is answered on it.
      MutexLock lock(mu_);
      ++connections_;
    }
    std::unique_ptr<Thread> thread = threads_.Start("serve", [this, fd] {
      serve_(fd, stop_read_);
      close(fd);
    });
    MutexLock lock(mu_);
    servers_.push_back(std::move(thread));
  }
}

bool WaitReadable(int fd, int stop, int timeout_ms) {
  pollfd polled[2] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
  return poll(polled, 2, timeout_ms) > 0 && polled[1].revents == 0;
}

int ConnectToLoopback(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  ESPALIER_CHECK(fd >= 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  ESPALIER_CHECK(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0);
  return fd;
}

bool SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = send(fd, bytes.data(), bytes.size(), kSendFlags);
    if (put <= 0) return false;
    bytes.remove_prefix(put);
  }
  return true;
}

}  // namespace espalier
