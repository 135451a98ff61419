// Clock and Wakeup: the only way to read the time and the only way to wait. The real clock is used
// in programs; tests and the simulation bring their own, so that whatever waits through a Clock
// runs on virtual time. All of it is thread-safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/time/time.h"

namespace espalier {

// A flag that one thread waits for and any thread raises. Raising it twice before it is seen is the
// same as once: it says "look again", never what happened.
class Wakeup {
 public:
  Wakeup() = default;
  virtual ~Wakeup() = default;
  // Raises the flag and wakes the waiter, if there is one. Whoever waits for many may bring a kind
  // of its own that notes which one was raised; it is called with others' locks held and calls
  // nobody.
  virtual void Notify();
  // Lowers the flag; true if it was raised.
  bool Consume();
  bool raised() const;

 private:
  friend class RealClock;
  mutable std::mutex mu_;
  std::condition_variable cv_;
  bool raised_ = false;
};

class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time, for what people and other machines read. May jump.
  virtual absl::Time Now() const = 0;

  // Time since some fixed moment; never goes back and counts while the machine sleeps. For leases,
  // deadlines and durations.
  virtual absl::Duration Elapsed() const = 0;

  // Blocks until `wakeup` is raised (true; it is lowered) or Elapsed() has reached `deadline`
  // (false). absl::InfiniteDuration() waits for ever. One waiter per Wakeup.
  virtual bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) = 0;

  // WaitUntil(wakeup, Elapsed() + timeout).
  bool WaitFor(Wakeup& wakeup, absl::Duration timeout);

  // Blocks the caller for `duration`. For backing off in clients; loops use timers instead.
  void Sleep(absl::Duration duration);
};

// The machine's clock. CLOCK_BOOTTIME on Linux, the continuous clock on macOS.
std::unique_ptr<Clock> MakeRealClock();

}  // namespace espalier
