#include "engine/base/executor.h"

#include <functional>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/limits.h"

namespace espalier {
namespace {

class SerialExecutorTest : public testing::Test {
 protected:
  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  SerialExecutor executor_{*clock_, *threads_, "test"};
};

TEST_F(SerialExecutorTest, RunsInOrderAndFinishesWhatWasPosted) {
  std::vector<int> seen;
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(executor_.Post([&seen, i] { seen.push_back(i); }).ok());
  executor_.Stop();
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(seen, expected);
}

TEST_F(SerialExecutorTest, RefusesWorkAfterStop) {
  executor_.Stop();
  executor_.Stop();
  EXPECT_TRUE(absl::IsCancelled(executor_.Post([] {})));
}

TEST_F(SerialExecutorTest, KnowsWhetherItRunsTheCaller) {
  EXPECT_FALSE(executor_.IsCurrent());
  bool inside = false;
  ASSERT_TRUE(executor_.Post([&] { inside = executor_.IsCurrent(); }).ok());
  executor_.Stop();
  EXPECT_TRUE(inside);
}

TEST_F(SerialExecutorTest, WorkMayPostMore) {
  int turns = 0;
  std::function<void()> again = [&] {
    if (++turns < 10) {
      ASSERT_TRUE(executor_.Post(again).ok());
    }
  };
  Wakeup done;
  ASSERT_TRUE(executor_.Post(again).ok());
  // Ten turns and the check follow each other: a later post is behind all that were made before it.
  std::function<void()> check = [&] {
    if (turns < 10) {
      ASSERT_TRUE(executor_.Post(check).ok());
    } else {
      done.Notify();
    }
  };
  ASSERT_TRUE(executor_.Post(check).ok());
  EXPECT_TRUE(clock_->WaitFor(done, absl::Seconds(60)));
  executor_.Stop();
}

TEST_F(SerialExecutorTest, BoundsItsQueue) {
  Wakeup entered;
  Wakeup release;
  ASSERT_TRUE(executor_
                  .Post([&] {
                    entered.Notify();
                    clock_->WaitUntil(release, absl::InfiniteDuration());
                  })
                  .ok());
  ASSERT_TRUE(clock_->WaitFor(entered, absl::Seconds(60)));
  for (std::size_t i = 0; i < limits::kExecutorQueue; ++i) ASSERT_TRUE(executor_.Post([] {}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(executor_.Post([] {})));
  release.Notify();
  executor_.Stop();
}

}  // namespace
}  // namespace espalier
