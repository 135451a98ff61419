// ManualClock: time that moves only when a test says so, or when the single thread under test waits
// for it. For tests in which everything runs on one thread.
#pragma once

#include "absl/time/time.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

namespace espalier {

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return start_ + elapsed_; }
  absl::Duration Elapsed() const override { return elapsed_; }

  // Waiting is what makes time pass: with one thread nobody else could raise the wakeup meanwhile.
  bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) override {
    if (wakeup.Consume()) return true;
    ESPALIER_CHECK(deadline != absl::InfiniteDuration());
    if (deadline > elapsed_) elapsed_ = deadline;
    return false;
  }

  void Advance(absl::Duration by) { elapsed_ += by; }
  // Only forwards.
  void AdvanceTo(absl::Duration elapsed) {
    if (elapsed > elapsed_) elapsed_ = elapsed;
  }

 private:
  absl::Time start_ = absl::FromUnixSeconds(1700000000);
  absl::Duration elapsed_ = absl::Seconds(1000);
};

}  // namespace espalier
