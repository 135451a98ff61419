#include "engine/server/watch_pump.h"

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

// Batches that the test hands out; thread-safe.
class ScriptedWatch final : public Watch {
 public:
  struct Script {
    Mutex mu;
    std::deque<absl::StatusOr<WatchBatch>> batches;
    Wakeup* wakeup = nullptr;
    int asked = 0;

    void Say(absl::StatusOr<WatchBatch> batch) {
      MutexLock lock(mu);
      batches.push_back(std::move(batch));
      if (wakeup != nullptr) wakeup->Notify();
    }
  };
  explicit ScriptedWatch(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  ~ScriptedWatch() override {
    MutexLock lock(script_->mu);
    script_->wakeup = nullptr;
  }
  absl::StatusOr<WatchBatch> Next(absl::Duration) override {
    MutexLock lock(script_->mu);
    ++script_->asked;
    if (script_->batches.empty()) return WatchBatch();
    absl::StatusOr<WatchBatch> batch = std::move(script_->batches.front());
    script_->batches.pop_front();
    return batch;
  }
  void NotifyOn(Wakeup& wakeup) override {
    MutexLock lock(script_->mu);
    script_->wakeup = &wakeup;
  }

 private:
  const std::shared_ptr<Script> script_;
};

// Keeps what it was given; the test says when it has taken it.
class FakeStream final : public WatchPump::Stream {
 public:
  explicit FakeStream(WatchPump& pump) : Stream(pump) {}
  void Write(WatchBatch batch) override {
    {
      MutexLock lock(mu_);
      revisions_.push_back(batch.revision());
    }
    changed.Notify();
  }
  void Finish(const absl::Status& status) override {
    {
      MutexLock lock(mu_);
      ends_.push_back(status);
    }
    changed.Notify();
  }
  std::vector<std::int64_t> revisions() {
    MutexLock lock(mu_);
    return revisions_;
  }
  std::vector<absl::Status> ends() {
    MutexLock lock(mu_);
    return ends_;
  }
  Wakeup changed;

 private:
  Mutex mu_;
  std::vector<std::int64_t> revisions_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Status> ends_ ABSL_GUARDED_BY(mu_);
};

WatchBatch BatchAt(std::int64_t revision) {
  WatchBatch batch;
  batch.add_events()->set_revision(revision);
  batch.set_revision(revision);
  return batch;
}

class WatchPumpTest : public testing::Test {
 protected:
  ~WatchPumpTest() override {
    if (!stopped_) pump_.Stop();
  }
  struct Client {
    std::shared_ptr<FakeStream> stream;
    std::shared_ptr<ScriptedWatch::Script> script;
  };
  Client Connect(const std::string& token = "t") {
    Client client{std::make_shared<FakeStream>(pump_), std::make_shared<ScriptedWatch::Script>()};
    EXPECT_TRUE(
        pump_.Add(std::make_unique<ScriptedWatch>(client.script), client.stream, token).ok());
    return client;
  }
  bool Changed(Client& client) {
    return clock_->WaitFor(client.stream->changed, absl::Seconds(10));
  }

  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::atomic<bool> stands_ = true;
  WatchPump pump_{*clock_, *threads_,
                  [this](const std::string& token) { return token == "other" || stands_; }};
  bool stopped_ = false;
};

TEST_F(WatchPumpTest, GivesTheNextBatchOnlyWhenTheLastWasTaken) {
  Client client = Connect();
  client.script->Say(BatchAt(1));
  client.script->Say(BatchAt(2));
  ASSERT_TRUE(Changed(client));
  EXPECT_EQ(client.stream->revisions(), std::vector<std::int64_t>({1}));
  // Another stream passes meanwhile, which proves that the pump has looked at both.
  Client other = Connect();
  other.script->Say(BatchAt(7));
  ASSERT_TRUE(Changed(other));
  EXPECT_EQ(client.stream->revisions(), std::vector<std::int64_t>({1}));
  pump_.Sent(client.stream->id);
  ASSERT_TRUE(Changed(client));
  EXPECT_EQ(client.stream->revisions(), std::vector<std::int64_t>({1, 2}));
}

TEST_F(WatchPumpTest, AnErrorOfTheWatchEndsTheStreamOnce) {
  Client client = Connect();
  client.script->Say(absl::OutOfRangeError("too slow"));
  ASSERT_TRUE(Changed(client));
  pump_.Gone(client.stream->id);
  pump_.Stop();
  stopped_ = true;
  ASSERT_EQ(client.stream->ends().size(), 1u);
  EXPECT_TRUE(absl::IsOutOfRange(client.stream->ends()[0]));
}

TEST_F(WatchPumpTest, AClientThatIsGoneIsLetGo) {
  Client client = Connect();
  pump_.Gone(client.stream->id);
  ASSERT_TRUE(Changed(client));
  EXPECT_EQ(client.stream->ends().size(), 1u);
  pump_.Sent(client.stream->id);
  Client other = Connect();
  other.script->Say(BatchAt(1));
  EXPECT_TRUE(Changed(other)) << "late words about an old stream do no harm";
}

TEST_F(WatchPumpTest, ARevokedTokenEndsItsStreamsAlone) {
  Client client = Connect();
  Client other = Connect("other");
  stands_ = false;
  pump_.CheckNow();
  ASSERT_TRUE(Changed(client));
  EXPECT_TRUE(absl::IsUnauthenticated(client.stream->ends()[0]));
  other.script->Say(BatchAt(1));
  ASSERT_TRUE(Changed(other));
  EXPECT_TRUE(other.stream->ends().empty());
}

TEST_F(WatchPumpTest, StoppingEndsAllAndRefusesMore) {
  Client client = Connect();
  pump_.Stop();
  stopped_ = true;
  ASSERT_EQ(client.stream->ends().size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(client.stream->ends()[0]));
  const auto late = std::make_shared<FakeStream>(pump_);
  EXPECT_TRUE(
      absl::IsUnavailable(pump_.Add(std::make_unique<ScriptedWatch>(client.script), late, "t")));
  EXPECT_TRUE(late->ends().empty());
  EXPECT_EQ(pump_.size(), 0u);
}

}  // namespace
}  // namespace espalier
