// ManualClock: a clock that moves only when a test says so. Waiting returns at once, as if the
// deadline had come, so that no test can hang on it. Thread-safe. For the tests of this folder.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace espalier {

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(mu_);
    return absl::FromUnixSeconds(1'700'000'000) + elapsed_;
  }
  absl::Duration Elapsed() const override {
    MutexLock lock(mu_);
    return elapsed_;
  }
  bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) override { return wakeup.Consume(); }

  void Advance(absl::Duration duration) {
    MutexLock lock(mu_);
    elapsed_ += duration;
  }

 private:
  mutable Mutex mu_;
  absl::Duration elapsed_ ABSL_GUARDED_BY(mu_) = absl::Seconds(1000);
};

}  // namespace espalier
