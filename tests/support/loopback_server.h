// LoopbackServer: accepts connections on a free loopback port and serves each on a thread of its
// own, until its destructor. What is said on them is the test's. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"

namespace espalier {

class LoopbackServer {
 public:
  // Serves one connection; its descriptor is closed afterwards. `stop` is readable once the server
  // shall end: whatever waits polls it as well.
  using Serve = std::function<void(int fd, int stop)>;

  LoopbackServer(Threads& threads, Serve serve);
  // REQUIRES: `serve` returns when it is told to stop.
  ~LoopbackServer();

  int port() const { return port_; }
  // "127.0.0.1:port".
  std::string address() const;
  // So far.
  int connections() const;

 private:
  void AcceptAll();

  Threads& threads_;
  const Serve serve_;
  int listener_ = -1;
  int port_ = 0;
  // Closed to wake everything that waits.
  int stop_read_ = -1;
  int stop_write_ = -1;
  std::unique_ptr<Thread> acceptor_;
  mutable Mutex mu_;
  int connections_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::unique_ptr<Thread>> servers_ ABSL_GUARDED_BY(mu_);
};

// A connection to what listens on loopback, for the caller to close.
int ConnectToLoopback(std::uint16_t port);
// Waits for bytes on `fd`, which may be closed: then there are some as well. False when told to
// stop, or after `timeout_ms` (negative: never).
bool WaitReadable(int fd, int stop, int timeout_ms = -1);
// All of `bytes`; false when the other side is gone.
bool SendAll(int fd, absl::string_view bytes);

}  // namespace espalier
