// ProxyServer: what stands between us and the network in many companies: an HTTP proxy (CONNECT
// only) and a SOCKS5 proxy on one loopback port, which may ask who we are and die. Stops in its
// destructor. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "tests/support/loopback_server.h"

namespace espalier {

struct ProxyServerOptions {
  // Whoever does not say both is refused; empty: anybody may pass.
  std::string username;
  std::string password;
  // Both connections are closed after so many bytes of the server behind.
  std::int64_t cut_after = -1;
};

class ProxyServer {
 public:
  explicit ProxyServer(Threads& threads, ProxyServerOptions options = {});

  // "127.0.0.1:port".
  std::string address() const { return server_->address(); }
  // Where it was asked to connect, by those who may, as "connect 127.0.0.1:443" or "socks ...".
  std::vector<std::string> tunnels() const;
  // Everything that clients said to it in clear before their tunnels.
  std::string heard() const;

 private:
  void Serve(int fd, int stop);
  void ServeConnect(int fd, int stop);
  void ServeSocks(int fd, int stop);
  void Tunnel(absl::string_view how, const std::string& host, int port, absl::string_view agreed,
              int fd, int stop);
  // Exactly `size` bytes, or fewer at the end.
  std::string Hear(int fd, int stop, std::size_t size);

  const ProxyServerOptions options_;
  mutable Mutex mu_;
  std::vector<std::string> tunnels_ ABSL_GUARDED_BY(mu_);
  std::string heard_ ABSL_GUARDED_BY(mu_);
  // Last: its threads use all of the above.
  std::unique_ptr<LoopbackServer> server_;
};

}  // namespace espalier
