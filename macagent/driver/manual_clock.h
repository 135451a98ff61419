// ManualClock: a clock for tests of one thread. Waiting moves it. Not thread-safe beyond what one test
// thread needs.
#pragma once

#include <algorithm>

#include "absl/time/time.h"
#include "engine/base/clock.h"

namespace espalier::agent {

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(1'800'000'000) + elapsed_; }
  absl::Duration Elapsed() const override { return elapsed_; }
  bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) override {
    if (wakeup.Consume()) return true;
    elapsed_ = std::max(elapsed_, deadline);
    return false;
  }
  void Advance(absl::Duration by) { elapsed_ += by; }

 private:
  absl::Duration elapsed_ = absl::Seconds(1000);
};

}  // namespace espalier::agent
