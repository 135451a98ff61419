// Clients that send a request a byte now and then, so that no single wait is long: its first line,
// its headers, a body with its length, and one in chunks; one client each.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"

namespace espalier {

class Drips {
 public:
  static constexpr int kClients = 4;

  // They POST to `path` on loopback, and give up after `patience`. Borrowed: clock and threads.
  Drips(Clock& clock, Threads& threads, std::uint16_t port, const std::string& path,
        absl::Duration patience);

  // How many the server has ended, by an answer or without.
  int ended() const { return ended_; }
  // Waits until all have ended or given up. Once, before this ends.
  void Join();

 private:
  std::atomic<int> ended_ = 0;
  std::vector<std::unique_ptr<Thread>> senders_;
};

}  // namespace espalier
