#include "engine/base/clock.h"

#include <time.h>

#include <chrono>

#include "engine/base/check.h"

namespace espalier {

void Wakeup::Notify() {
  // Notified under the lock: the waiter may destroy this object as soon as it can see the flag.
  std::lock_guard<std::mutex> lock(mu_);
  raised_ = true;
  cv_.notify_one();
}

bool Wakeup::Consume() {
  std::lock_guard<std::mutex> lock(mu_);
  const bool was = raised_;
  raised_ = false;
  return was;
}

bool Wakeup::raised() const {
  std::lock_guard<std::mutex> lock(mu_);
  return raised_;
}

bool Clock::WaitFor(Wakeup& wakeup, absl::Duration timeout) {
  return WaitUntil(wakeup, Elapsed() + timeout);
}

void Clock::Sleep(absl::Duration duration) {
  Wakeup never;
  WaitUntil(never, Elapsed() + duration);
}

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::TimeFromTimespec(Read(CLOCK_REALTIME)); }

  absl::Duration Elapsed() const override {
#ifdef __APPLE__
    // On macOS CLOCK_MONOTONIC_RAW goes on while the machine sleeps.
    return absl::DurationFromTimespec(Read(CLOCK_MONOTONIC_RAW));
#else
    return absl::DurationFromTimespec(Read(CLOCK_BOOTTIME));
#endif
  }

  bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) override {
    std::unique_lock<std::mutex> lock(wakeup.mu_);
    while (!wakeup.raised_) {
      if (deadline == absl::InfiniteDuration()) {
        wakeup.cv_.wait(lock);
        continue;
      }
      const absl::Duration left = deadline - Elapsed();
      if (left <= absl::ZeroDuration()) return false;
      // Waits are cut to an hour: the condition variable's clock may stop while the machine sleeps.
      wakeup.cv_.wait_for(lock, absl::ToChronoNanoseconds(std::min(left, absl::Hours(1))));
    }
    wakeup.raised_ = false;
    return true;
  }

 private:
  static timespec Read(clockid_t id) {
    timespec now{};
    ESPALIER_CHECK(clock_gettime(id, &now) == 0);
    return now;
  }
};

std::unique_ptr<Clock> MakeRealClock() { return std::make_unique<RealClock>(); }

}  // namespace espalier
