#include "engine/base/worker_pool.h"

#include <atomic>
#include <memory>

#include "gtest/gtest.h"

namespace espalier {
namespace {

class WorkerPoolTest : public testing::Test {
 protected:
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
};

TEST_F(WorkerPoolTest, RunsEverythingThatWasPostedBeforeItStops) {
  WorkerPool pool(*clock_, *threads_, "test", 3, 10'000);
  std::atomic<int> ran = 0;
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(pool.Post([&] { ++ran; }).ok());
  pool.Stop();
  EXPECT_EQ(ran, 5000);
  EXPECT_TRUE(absl::IsCancelled(pool.Post([] {})));
}

TEST_F(WorkerPoolTest, RefusesWhatWouldWaitTooLong) {
  WorkerPool pool(*clock_, *threads_, "test", 1, 2);
  Wakeup go;
  Wakeup busy;
  ASSERT_TRUE(pool.Post([&] {
                    busy.Notify();
                    clock_->WaitUntil(go, absl::InfiniteDuration());
                  })
                  .ok());
  clock_->WaitUntil(busy, absl::InfiniteDuration());
  EXPECT_TRUE(pool.Post([] {}).ok());
  EXPECT_TRUE(pool.Post([] {}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(pool.Post([] {})));
  go.Notify();
  pool.Stop();
}

TEST_F(WorkerPoolTest, ABlockedWorkerDoesNotHoldUpTheOthers) {
  WorkerPool pool(*clock_, *threads_, "test", 2, 10);
  Wakeup go;
  ASSERT_TRUE(pool.Post([&] { clock_->WaitUntil(go, absl::InfiniteDuration()); }).ok());
  for (int i = 0; i < 100; ++i) {
    Wakeup done;
    ASSERT_TRUE(pool.Post([&] { done.Notify(); }).ok());
    EXPECT_TRUE(clock_->WaitFor(done, absl::Seconds(10)));
  }
  go.Notify();
  pool.Stop();
}

}  // namespace
}  // namespace espalier
