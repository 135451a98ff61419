#include "tests/sim/world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace espalier::sim {
namespace {

// Three actors that take turns at random.
std::string TraceOf(std::uint64_t seed) {
  World world(seed);
  std::string order;
  std::vector<std::unique_ptr<Thread>> threads;
  for (char name : {'a', 'b', 'c'}) {
    threads.push_back(world.Start(std::string(1, name), [&world, &order, name] {
      for (int i = 0; i < 20; ++i) {
        order += name;
        world.Sleep(absl::Milliseconds(world.random().Below(3)));
      }
    }));
  }
  for (auto& thread : threads) thread->Join();
  world.Note(order);
  return order + world.Trace();
}

TEST(WorldTest, SameSeedGivesTheSameOrder) {
  EXPECT_EQ(TraceOf(7), TraceOf(7));
  EXPECT_NE(TraceOf(7), TraceOf(8));
}

TEST(WorldTest, TimeJumpsToTheNextDeadline) {
  World world(1);
  const absl::Duration before = world.Elapsed();
  world.RunFor(absl::Hours(24));
  EXPECT_EQ(world.Elapsed() - before, absl::Hours(24));
}

TEST(WorldTest, RaisedWakeupEndsTheWaitAtOnce) {
  World world(1);
  Wakeup wakeup;
  auto thread = world.Start("raiser", [&] {
    world.Sleep(absl::Seconds(5));
    wakeup.Notify();
  });
  EXPECT_TRUE(world.WaitUntil(wakeup, absl::Hours(1)));
  EXPECT_EQ(world.Elapsed(), absl::Seconds(5));
  thread->Join();
}

TEST(WorldTest, SerialExecutorRunsOnVirtualTime) {
  World world(3);
  SerialExecutor executor(world, world, "serial");
  std::string order;
  for (char name : {'x', 'y', 'z'}) {
    ASSERT_TRUE(executor.Post([&order, &world, name] {
      world.Sleep(absl::Minutes(1));
      order += name;
    }).ok());
  }
  world.RunFor(absl::Minutes(4));
  EXPECT_EQ(order, "xyz");
  executor.Stop();
}

}  // namespace
}  // namespace espalier::sim
