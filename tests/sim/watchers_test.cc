// Two clients that watch a Host and write its status over lines that delay, drop, duplicate and
// break, while a third checks what it is told:
//   I3  an acknowledged write is in every later read, and no client sees the revision go back;
//   I8  replaying the events of a watch, from wherever it was resumed, gives the listed state.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/log.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "tests/sim/faulty_resources.h"
#include "tests/sim/seeds.h"
#include "tests/sim/world.h"

namespace espalier::sim {
namespace {

constexpr char kHost[] = "mac-01";
constexpr absl::Duration kStorm = absl::Seconds(60);
constexpr absl::Duration kCalm = absl::Seconds(30);

CallContext ContextOf(Caller::Role role, const std::string& subject) {
  CallContext context;
  context.caller.role = role;
  context.caller.subject = subject;
  context.caller.host = kHost;
  return context;
}

StatusWrite ReportOf(std::int64_t sequence) {
  StatusWrite write;
  write.set_writer(StatusWrite::OBSERVED);
  write.set_register_(true);
  write.mutable_resource()->mutable_metadata()->set_name(kHost);
  v1::HostObserved& observed =
      *write.mutable_resource()->mutable_host()->mutable_status()->mutable_observed();
  observed.set_boot_id("boot");
  observed.set_sequence(sequence);
  observed.set_cpu(static_cast<std::uint32_t>(sequence));
  return write;
}

// One run of the scenario.
class Scenario {
 public:
  explicit Scenario(std::uint64_t seed)
      : world_(seed), log_(MakeNullLog()), store_(MakeMemoryStore("sim")) {
    auto opened = LocalResources::Open(world_, world_.random(), *log_, *store_, {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    engine_ = *std::move(opened);
  }

  std::string Run() {
    Weather bad{
        .delay = 0.2, .drop = 0.1, .lose_answer = 0.1, .duplicate = 0.1, .break_watch = 0.1};
    agent_line_ = controller_line_ = watcher_line_ = bad;
    auto agent = world_.Start("agent", [this] { RunAgent(); });
    auto controller = world_.Start("controller", [this] { RunController(); });
    auto watcher = world_.Start("watcher", [this] { RunWatcher(); });
    world_.RunFor(kStorm);
    agent_line_ = controller_line_ = watcher_line_ = Weather{};
    world_.RunFor(kCalm);
    stopping_ = true;
    agent->Join();
    controller->Join();
    watcher->Join();
    CheckReplayedStateIsTheListedOne();
    EXPECT_GT(acknowledged_reports_, 10);
    EXPECT_GT(acknowledged_liveness_, 0);
    EXPECT_GT(resumes_, 0);
    return world_.Trace();
  }

 private:
  // Reports a growing number; what was acknowledged is never followed by an older state.
  void RunAgent() {
    FaultyResources resources(world_, *engine_, agent_line_);
    const CallContext context = ContextOf(Caller::Role::kAgent, "host mac-01");
    std::int64_t sequence = 0;
    std::int64_t acknowledged = 0;
    while (!stopping_) {
      // A killed agent starts again and must not report what is older than what it said before.
      if (world_.random().Chance(0.02)) sequence = acknowledged;
      const StatusWrite write = ReportOf(++sequence);
      const auto results = resources.UpdateStatus(context, {&write, 1});
      if (results[0].ok()) {
        acknowledged = sequence;
        ++acknowledged_reports_;
        world_.Note(absl::StrCat("reported ", sequence, " at ", *results[0]));
      } else if (absl::IsFailedPrecondition(results[0].status())) {
        // An earlier try whose answer was lost did arrive.
        world_.Note("stale report refused");
      }
      if (const auto host = resources.Get(context, Ref{Kind::kHost, "", kHost}); host.ok()) {
        EXPECT_GE(host->host().status().observed().sequence(), acknowledged) << "I3";
      }
      world_.Sleep(absl::Milliseconds(100));
    }
  }

  // Flips liveness on what it read; a stale write must be refused.
  void RunController() {
    FaultyResources resources(world_, *engine_, controller_line_);
    const CallContext context = ContextOf(Caller::Role::kController, "controller host");
    std::int64_t seen = 0;
    while (!stopping_) {
      absl::StatusOr<Resource> host = resources.Get(context, Ref{Kind::kHost, "", kHost});
      if (host.ok()) {
        EXPECT_GE(host->metadata().revision(), seen) << "I3: a revision went back";
        seen = host->metadata().revision();
        StatusWrite write;
        write.set_writer(StatusWrite::CONTROLLER);
        *write.mutable_resource() = *host;
        v1::HostLiveness& liveness =
            *write.mutable_resource()->mutable_host()->mutable_status()->mutable_liveness();
        liveness.set_state(liveness.state() == v1::HostLiveness::READY ? v1::HostLiveness::UNKNOWN
                                                                       : v1::HostLiveness::READY);
        const auto results = resources.UpdateStatus(context, {&write, 1});
        if (results[0].ok()) {
          EXPECT_GT(*results[0], seen);
          seen = *results[0];
          ++acknowledged_liveness_;
        }
      }
      world_.Sleep(absl::Milliseconds(70));
    }
  }

  // Keeps a copy by watching, resuming wherever the line broke.
  void RunWatcher() {
    FaultyResources resources(world_, *engine_, watcher_line_);
    const CallContext context = ContextOf(Caller::Role::kViewer, "watcher");
    Query query;
    query.add_kinds("host");
    std::unique_ptr<Watch> watch;
    std::string resume;
    while (!stopping_) {
      if (watch == nullptr) {
        auto started = resources.StartWatch(context, query, resume);
        if (!started.ok()) {
          if (absl::IsOutOfRange(started.status())) resume.clear();
          world_.Sleep(absl::Milliseconds(50));
          continue;
        }
        watch = *std::move(started);
        if (resume.empty()) copy_.clear();
        if (!resume.empty()) ++resumes_;
      }
      absl::StatusOr<WatchBatch> batch = watch->Next(world_.Elapsed() + absl::Milliseconds(200));
      if (!batch.ok()) {
        watch.reset();
        continue;
      }
      for (const Event& event : batch->events()) {
        EXPECT_GE(event.revision(), copied_) << "I8: events out of order";
        copied_ = event.revision();
        if (event.type() == Event::PUT) {
          copy_[event.resource().metadata().name()] = event.resource();
        } else {
          copy_.erase(event.resource().metadata().name());
        }
      }
      if (!batch->resume().empty()) resume = batch->resume();
    }
  }

  void CheckReplayedStateIsTheListedOne() {
    Query query;
    query.add_kinds("host");
    const auto page = engine_->List(ContextOf(Caller::Role::kAdmin, "test"), query);
    ASSERT_TRUE(page.ok());
    ASSERT_EQ(static_cast<std::size_t>(page->items_size()), copy_.size()) << "I8";
    for (const Resource& item : page->items()) {
      EXPECT_EQ(item.DebugString(), copy_[item.metadata().name()].DebugString()) << "I8";
    }
  }

  World world_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<LocalResources> engine_;
  Weather agent_line_, controller_line_, watcher_line_;
  bool stopping_ = false;
  int acknowledged_reports_ = 0;
  int acknowledged_liveness_ = 0;
  int resumes_ = 0;
  std::map<std::string, Resource> copy_;
  std::int64_t copied_ = 0;
};

TEST(WatchersSimTest, AcknowledgedWritesStayAndWatchesMatchLists) {
  for (const std::uint64_t seed : SeedsToRun(50, {})) {
    SCOPED_TRACE(absl::StrCat("ESPALIER_SEED=", seed));
    Scenario(seed).Run();
    if (HasFailure()) return;
  }
}

TEST(WatchersSimTest, SameSeedSameTrace) { EXPECT_EQ(Scenario(11).Run(), Scenario(11).Run()); }

}  // namespace
}  // namespace espalier::sim
