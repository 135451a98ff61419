#include "engine/loop/loop.h"

#include <atomic>
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_resources.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;

Resource Vm(absl::string_view name) {
  Resource vm;
  vm.mutable_metadata()->set_name(std::string(name));
  vm.mutable_metadata()->set_namespace_("default");
  vm.mutable_vm();
  return vm;
}
Ref VmRef(absl::string_view name) { return {Kind::kVm, "default", std::string(name)}; }

// Records what it was asked and answers what the test says.
class Recorder final : public Reconciler {
 public:
  Outcome Reconcile(const Ref& name, Turn& turn) override {
    asked.push_back(name.name);
    return answer ? answer(name, turn) : Outcome(Done{});
  }
  std::vector<std::string> TakeAsked() { return std::exchange(asked, {}); }

  std::vector<std::string> asked;
  std::function<Outcome(const Ref&, Turn&)> answer;
};

// Counts the lines that are about the watch.
class WatchLog final : public Log {
 public:
  void Write(LogLevel level, absl::string_view message,
             std::initializer_list<LogField> fields) override {
    broken += message == "watch broken, trying again";
    back += message == "watching again";
  }
  bool Enabled(LogLevel level) const override { return true; }
  int broken = 0;
  int back = 0;
};

class LoopTest : public testing::Test {
 protected:
  absl::Duration StepAfter(absl::Duration delay) {
    clock_.Advance(delay);
    return loop_.Step();
  }

  FakeClock clock_;
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  Random random_{1};
  std::unique_ptr<Log> log_ = MakeNullLog();
  FakeResources store_;
  Recorder recorder_;
  Loop loop_{clock_, *threads_, random_, *log_, store_, recorder_, {.name = "test"}};
};

TEST_F(LoopTest, AsksForEveryNameAtStartAndForWhatChangesAfterwards) {
  store_.Put(Vm("a"));
  store_.Put(Vm("b"));
  loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a", "b"));
  store_.Put(Vm("b"));
  store_.Put(Vm("b"));
  store_.Remove(VmRef("a"));
  loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("b", "a"));
  EXPECT_EQ(loop_.Step(), clock_.Elapsed() + absl::Minutes(10)) << "nothing but the resync is left";
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre());
}

TEST_F(LoopTest, AsksForNothingBeforeTheFirstStateIsComplete) {
  store_.FailStartWatch(1);
  loop_.Add(VmRef("a"));
  const absl::Duration next = loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre());
  EXPECT_GT(next, clock_.Elapsed());
  clock_.Advance(next - clock_.Elapsed());
  loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
}

TEST_F(LoopTest, SaysOnceThatItsWatchIsBrokenAndOnceThatItIsBack) {
  WatchLog log;
  Loop loop(clock_, *threads_, random_, log, store_, recorder_, {.name = "logged"});
  loop.Step();
  EXPECT_EQ(log.broken + log.back, 0);
  for (int outage = 1; outage <= 2; ++outage) {
    store_.BreakWatches(absl::UnavailableError("the engine went away"));
    store_.FailStartWatch(3);
    store_.FailAfterStartWatch(5);
    for (int i = 0; i < 200; ++i) {
      loop.Step();
      clock_.Advance(absl::Milliseconds(300));
    }
    EXPECT_EQ(log.broken, outage);
    EXPECT_EQ(log.back, outage);
  }
}

TEST_F(LoopTest, LooksAgainAfterTheTimeThatTheOutcomeNames) {
  recorder_.answer = [](const Ref&, Turn&) { return RequeueAfter{absl::Seconds(7)}; };
  store_.Put(Vm("a"));
  EXPECT_EQ(loop_.Step(), clock_.Elapsed() + absl::Seconds(7));
  StepAfter(absl::Seconds(6));
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
  StepAfter(absl::Seconds(1));
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
}

TEST_F(LoopTest, RetriesForEverWithBackOffOfItsOwnPerName) {
  recorder_.answer = [](const Ref& name, Turn&) -> Outcome {
    if (name.name == "good") return Done{};
    return Retry{absl::UnavailableError("later")};
  };
  store_.Put(Vm("bad"));
  store_.Put(Vm("good"));
  absl::Duration next = loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("bad", "good"));
  for (int i = 0; i < 60; ++i) {
    ASSERT_LE(next, clock_.Elapsed() + absl::Seconds(60));
    clock_.Advance(next - clock_.Elapsed());
    next = loop_.Step();
  }
  EXPECT_GE(recorder_.asked.size(), 50u);
  EXPECT_THAT(recorder_.asked, testing::Contains("bad"));
}

TEST_F(LoopTest, AStalledNameWaitsForAChangeOrTheResync) {
  recorder_.answer = [](const Ref&, Turn&) {
    return Stalled{absl::FailedPreconditionError("no image")};
  };
  store_.Put(Vm("a"));
  loop_.Step();
  StepAfter(absl::Minutes(9));
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
  store_.Put(Vm("a"));
  loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
  StepAfter(absl::Minutes(2));
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a")) << "the resync";
}

TEST_F(LoopTest, WaitsForItsOwnWriteBeforeItDecidesAgain) {
  store_.Put(Vm("a"));
  int writes = 0;
  std::vector<std::int64_t> seen;
  recorder_.answer = [&](const Ref& name, Turn& turn) -> Outcome {
    seen.push_back(turn.now.Find(name)->metadata().revision());
    if (++writes > 1) return Done{};
    store_.HoldBackEvents(true);
    turn.Wrote(store_.Put(Vm("a")));
    return Done{};
  };
  loop_.Step();
  loop_.Add(VmRef("a"));
  loop_.Step();
  EXPECT_EQ(writes, 1) << "the view does not show the write yet";
  store_.HoldBackEvents(false);
  loop_.Step();
  EXPECT_EQ(writes, 2);
  EXPECT_THAT(seen, ElementsAre(2, 3));
}

TEST_F(LoopTest, GivesUpWaitingForAWriteThatItsViewNeverShows) {
  store_.Put(Vm("a"));
  recorder_.answer = [&](const Ref&, Turn& turn) -> Outcome {
    turn.Wrote(turn.now.revision() + 100);
    return Done{};
  };
  loop_.Step();
  loop_.Add(VmRef("a"));
  const absl::Duration next = loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
  clock_.Advance(next - clock_.Elapsed());
  loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
}

TEST_F(LoopTest, SeesChangesMadeByAnotherNamesReconciliation) {
  store_.Put(Vm("a"));
  store_.Put(Vm("b"));
  bool b_saw_it = false;
  recorder_.answer = [&](const Ref& name, Turn& turn) -> Outcome {
    if (name.name == "a" && turn.now.Find(VmRef("c")) == nullptr) store_.Put(Vm("c"));
    if (name.name == "b") b_saw_it = turn.now.Find(VmRef("c")) != nullptr;
    return Done{};
  };
  loop_.Step();
  EXPECT_TRUE(b_saw_it);
}

TEST_F(LoopTest, RelistsWhenTheWatchIsTooOld) {
  store_.Put(Vm("a"));
  store_.Put(Vm("b"));
  loop_.Step();
  recorder_.TakeAsked();
  store_.Remove(VmRef("a"));
  store_.Compact();
  loop_.Step();
  EXPECT_THAT(recorder_.TakeAsked(), ElementsAre("a"));
}

// On a real thread: the stop ends a loop that waits, and one that is in the middle of something.
TEST(LoopThreadTest, StopsWhateverItIsDoing) {
  std::unique_ptr<Clock> clock = MakeRealClock();
  std::unique_ptr<Threads> threads = MakeRealThreads();
  Random random{1};
  std::unique_ptr<Log> log = MakeNullLog();
  FakeResources store;
  store.Put(Vm("a"));
  Recorder recorder;
  Wakeup reconciled;
  std::atomic<bool> saw_cancel = false;
  recorder.answer = [&](const Ref&, Turn& turn) -> Outcome {
    reconciled.Notify();
    while (!turn.context.cancelled()) {
    }
    saw_cancel = true;
    return Retry{absl::CancelledError("stopping")};
  };
  {
    Loop loop(*clock, *threads, random, *log, store, recorder, {.name = "test"});
    loop.Start();
    ASSERT_TRUE(clock->WaitFor(reconciled, absl::Seconds(30)));
    loop.Stop();
  }
  EXPECT_TRUE(saw_cancel);
}

}  // namespace
}  // namespace espalier
