// FakeClock: time that moves only when a test says so, or, with `auto_advance`, as soon as somebody
// waits: a sleep of an hour then returns at once and is recorded. Thread-safe.
#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace espalier {

class FakeClock final : public Clock {
 public:
  enum class Mode {
    // Waiters block until the test calls Advance or raises their wakeup.
    kManual,
    // A wait without a raised wakeup moves the time to its deadline and returns.
    kAutoAdvance,
  };
  explicit FakeClock(Mode mode = Mode::kManual) : mode_(mode) {}

  absl::Time Now() const override;
  absl::Duration Elapsed() const override;
  bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) override;

  // Moves the time and lets waiters whose deadline has come return.
  void Advance(absl::Duration by);
  // Somebody sets the machine's date: Now() jumps, Elapsed() does not.
  void SetDate(absl::Duration by);
  // kAutoAdvance: the time that passed in each wait, oldest first.
  std::vector<absl::Duration> waits() const;

 private:
  const Mode mode_;
  const std::unique_ptr<Clock> real_ = MakeRealClock();
  mutable Mutex mu_;
  absl::Duration elapsed_ ABSL_GUARDED_BY(mu_);
  // Of Now() from Elapsed().
  absl::Duration date_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Duration> waits_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
