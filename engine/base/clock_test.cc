#include "engine/base/clock.h"

#include <gtest/gtest.h>

#include "engine/base/executor.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

TEST(WakeupTest, RaisedTwiceIsSeenOnce) {
  Wakeup wakeup;
  wakeup.Notify();
  wakeup.Notify();
  EXPECT_TRUE(wakeup.raised());
  EXPECT_TRUE(wakeup.Consume());
  EXPECT_FALSE(wakeup.Consume());
}

TEST(ClockTest, ElapsedNeverGoesBack) {
  const auto clock = MakeRealClock();
  absl::Duration last = clock->Elapsed();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = clock->Elapsed();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, AWaitEndsAtItsDeadline) {
  const auto clock = MakeRealClock();
  Wakeup wakeup;
  const absl::Duration deadline = clock->Elapsed() + absl::Milliseconds(5);
  EXPECT_FALSE(clock->WaitUntil(wakeup, deadline));
  EXPECT_GE(clock->Elapsed(), deadline);
}

TEST(ClockTest, AWakeupRaisedBeforehandEndsTheWaitAtOnce) {
  const auto clock = MakeRealClock();
  Wakeup wakeup;
  wakeup.Notify();
  EXPECT_TRUE(clock->WaitUntil(wakeup, absl::InfiniteDuration()));
  EXPECT_FALSE(wakeup.raised());
}

TEST(ClockTest, AnotherThreadEndsAnUnboundedWait) {
  const auto clock = MakeRealClock();
  const auto threads = MakeRealThreads();
  Wakeup wakeup;
  const auto thread = threads->Start("raiser", [&] { wakeup.Notify(); });
  EXPECT_TRUE(clock->WaitUntil(wakeup, absl::InfiniteDuration()));
  thread->Join();
}

TEST(FakeClockTest, MovesOnlyWhenTold) {
  FakeClock clock;
  const absl::Time before = clock.Now();
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(clock.Now() - before, absl::Hours(1));
}

TEST(FakeClockTest, AManualWaitEndsWhenTheTestMovesTheTime) {
  FakeClock clock;
  const auto threads = MakeRealThreads();
  Wakeup wakeup;
  const auto thread = threads->Start("mover", [&] { clock.Advance(absl::Seconds(10)); });
  EXPECT_FALSE(clock.WaitUntil(wakeup, absl::Seconds(10)));
  thread->Join();
}

TEST(FakeClockTest, AutoAdvanceJumpsOverSleeps) {
  FakeClock clock(FakeClock::Mode::kAutoAdvance);
  clock.Sleep(absl::Hours(1));
  clock.Sleep(absl::Seconds(2));
  EXPECT_EQ(clock.Elapsed(), absl::Hours(1) + absl::Seconds(2));
  EXPECT_EQ(clock.waits(), (std::vector<absl::Duration>{absl::Hours(1), absl::Seconds(2)}));
}

}  // namespace
}  // namespace espalier
