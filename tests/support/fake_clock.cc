#include "tests/support/fake_clock.h"

namespace espalier {

absl::Time FakeClock::Now() const {
  // 2026-01-01T00:00:00Z: a date that reads well in expectations.
  MutexLock lock(mu_);
  return absl::FromUnixSeconds(1767225600) + elapsed_ + date_;
}

absl::Duration FakeClock::Elapsed() const {
  MutexLock lock(mu_);
  return elapsed_;
}

bool FakeClock::WaitUntil(Wakeup& wakeup, absl::Duration deadline) {
  while (true) {
    if (wakeup.Consume()) return true;
    {
      MutexLock lock(mu_);
      if (elapsed_ >= deadline) return false;
      if (mode_ == Mode::kAutoAdvance && deadline != absl::InfiniteDuration()) {
        waits_.push_back(deadline - elapsed_);
        elapsed_ = deadline;
        return false;
      }
    }
    // In slices of real time: Advance need not know who waits.
    if (real_->WaitFor(wakeup, absl::Milliseconds(1))) return true;
  }
}

void FakeClock::Advance(absl::Duration by) {
  MutexLock lock(mu_);
  elapsed_ += by;
}

void FakeClock::SetDate(absl::Duration by) {
  MutexLock lock(mu_);
  date_ += by;
}

std::vector<absl::Duration> FakeClock::waits() const {
  MutexLock lock(mu_);
  return waits_;
}

}  // namespace espalier
