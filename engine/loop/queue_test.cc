#include "engine/loop/queue.h"

#include "gtest/gtest.h"

namespace espalier {
namespace {

Ref Vm(absl::string_view name) { return {Kind::kVm, "default", std::string(name)}; }

class QueueTest : public testing::Test {
 protected:
  Random random_{7};
  NameQueue queue_{random_};
};

TEST_F(QueueTest, HandsOutEachNameOnceHoweverOftenAdded) {
  queue_.Add(Vm("a"));
  queue_.Add(Vm("b"));
  queue_.Add(Vm("a"));
  EXPECT_EQ(queue_.Pop(absl::ZeroDuration()), Vm("a"));
  EXPECT_EQ(queue_.Pop(absl::ZeroDuration()), Vm("b"));
  EXPECT_EQ(queue_.Pop(absl::ZeroDuration()), std::nullopt);
}

TEST_F(QueueTest, HandsOutAgainWhatWasAddedDuringTheWork) {
  queue_.Add(Vm("a"));
  ASSERT_EQ(queue_.Pop(absl::ZeroDuration()), Vm("a"));
  queue_.Add(Vm("a"));
  EXPECT_EQ(queue_.Pop(absl::ZeroDuration()), std::nullopt)
      << "a name is worked on by one at a time";
  queue_.Done(Vm("a"));
  EXPECT_EQ(queue_.Pop(absl::ZeroDuration()), Vm("a"));
}

TEST_F(QueueTest, KeepsTheEarlierTimerAndClearsItWhenTheNameIsHandedOut) {
  queue_.AddAt(Vm("a"), absl::Seconds(5));
  queue_.AddAt(Vm("a"), absl::Seconds(9));
  queue_.AddAt(Vm("a"), absl::Seconds(3));
  EXPECT_EQ(queue_.next_due(), absl::Seconds(3));
  EXPECT_EQ(queue_.Pop(absl::Seconds(2)), std::nullopt);
  EXPECT_EQ(queue_.Pop(absl::Seconds(3)), Vm("a"));
  queue_.Done(Vm("a"));
  EXPECT_EQ(queue_.next_due(), absl::InfiniteDuration());

  queue_.AddAt(Vm("a"), absl::Seconds(20));
  queue_.Add(Vm("a"));
  EXPECT_EQ(queue_.next_due(), absl::ZeroDuration());
  EXPECT_EQ(queue_.Pop(absl::Seconds(4)), Vm("a"));
  queue_.Done(Vm("a"));
  EXPECT_EQ(queue_.Pop(absl::Seconds(30)), std::nullopt);
}

TEST_F(QueueTest, BackOffGrowsToAMinuteAndNeverGivesUp) {
  absl::Duration longest;
  for (int failure = 0; failure < 200; ++failure) {
    const absl::Duration delay = queue_.NextBackOff(Vm("a"));
    EXPECT_GE(delay, absl::ZeroDuration());
    EXPECT_LE(delay,
              std::min(absl::Seconds(60),
                       absl::Milliseconds(50) * static_cast<double>(1 << std::min(failure, 20))));
    longest = std::max(longest, delay);
  }
  EXPECT_GT(longest, absl::Seconds(30));
  queue_.ResetBackOff(Vm("a"));
  EXPECT_LE(queue_.NextBackOff(Vm("a")), absl::Milliseconds(50));
}

}  // namespace
}  // namespace espalier
