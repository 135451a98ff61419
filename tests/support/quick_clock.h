// QuickClock: the machine's clock, some times as fast: a poll every second comes as often as the
// machine can read. For tests of many threads and real processes, whose waits no test can know.
// Deadlines of what is tested are as much shorter; a test's own patience belongs to a clock of the
// machine. Thread-safe.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "engine/base/clock.h"

namespace espalier {

class QuickClock final : public Clock {
 public:
  explicit QuickClock(int times) : times_(times) {}

  absl::Time Now() const override { return began_ + (real_->Elapsed() - since_) * times_; }
  absl::Duration Elapsed() const override { return (real_->Elapsed() - since_) * times_; }
  bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) override {
    return real_->WaitUntil(wakeup, since_ + deadline / times_);
  }

 private:
  const int times_;
  const std::unique_ptr<Clock> real_ = MakeRealClock();
  const absl::Time began_ = real_->Now();
  const absl::Duration since_ = real_->Elapsed();
};

}  // namespace espalier
