// One suite for every store: what store.h promises, on each row of AllStores().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/limits.h"
#include "engine/store/memory.h"
#include "engine/store/store.h"
#include "engine/store/test_stores.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

StoreOp Put(std::string key, std::string value) {
  return {StoreOp::Type::kPut, std::move(key), std::move(value)};
}
StoreOp Delete(std::string key) { return {StoreOp::Type::kDelete, std::move(key), ""}; }

// "+a=1@3 -b=2@4": readable in failures.
std::string Text(absl::Span<const StoreEvent> events) {
  std::string text;
  for (const StoreEvent& event : events) {
    absl::StrAppend(&text, text.empty() ? "" : " ", event.type == StoreOp::Type::kPut ? "+" : "-",
                    event.key, "=", event.value, "@", event.revision);
  }
  return text;
}

// "a=1@3/1 ...": key, value, last and first revision.
std::string Text(const RangeResult& range) {
  std::string text;
  for (const KeyValue& item : range.items) {
    absl::StrAppend(&text, text.empty() ? "" : " ", item.key, "=", item.value, "@",
                    item.mod_revision, "/", item.create_revision);
  }
  return text;
}

class StoreTest : public ::testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override { Open(); }
  void TearDown() override { Close(); }

  void Open() {
    store_ = GetParam().open(ground_);
    ASSERT_NE(store_, nullptr);
  }
  void Close() {
    if (store_ == nullptr) return;
    EXPECT_TRUE(store_->Close().ok());
    store_.reset();
  }

  std::int64_t Commit(std::vector<StoreOp> ops, std::vector<Compare> compares = {}) {
    const absl::StatusOr<std::int64_t> revision =
        store_->Commit({std::move(compares), std::move(ops)});
    EXPECT_TRUE(revision.ok()) << revision.status();
    return revision.value_or(-1);
  }
  absl::StatusCode Refusal(std::vector<StoreOp> ops, std::vector<Compare> compares = {}) {
    return store_->Commit({std::move(compares), std::move(ops)}).status().code();
  }
  std::string All() const { return Text(store_->Range("", "", 0).value()); }
  std::string EventsAfter(std::int64_t after, std::size_t limit = 0) const {
    const auto events = store_->EventsAfter(after, limit);
    return events.ok() ? Text(*events) : absl::StatusCodeToString(events.status().code());
  }

  TestGround ground_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreTest, StartsEmptyAtRevisionZero) {
  EXPECT_EQ(store_->revision(), 0);
  EXPECT_EQ(All(), "");
  EXPECT_EQ(EventsAfter(0), "");
  EXPECT_FALSE(store_->epoch().empty());
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(StoreTest, GivesEachTransactionTheNextRevision) {
  EXPECT_EQ(Commit({Put("a", "1"), Put("b", "2")}), 1);
  EXPECT_EQ(Commit({Put("a", "3")}), 2);
  EXPECT_EQ(store_->revision(), 2);
  EXPECT_EQ(All(), "a=3@2/1 b=2@1/1");
}

TEST_P(StoreTest, MakesADeletedKeyAnew) {
  Commit({Put("a", "1")});
  EXPECT_EQ(Commit({Delete("a")}), 2);
  EXPECT_EQ(All(), "");
  Commit({Put("a", "2")});
  EXPECT_EQ(All(), "a=2@3/3");
  EXPECT_EQ(EventsAfter(0), "+a=1@1 -a=1@2 +a=2@3");
}

TEST_P(StoreTest, MakesNoRevisionWhereNothingChanges) {
  Commit({Put("a", "1")});
  EXPECT_EQ(Commit({}), 1);
  EXPECT_EQ(Commit({Delete("b")}), 1);
  EXPECT_EQ(Refusal({}, {{"a", 7}}), absl::StatusCode::kAborted);
  EXPECT_EQ(EventsAfter(1), "");
}

TEST_P(StoreTest, KeepsBytesAsTheyAre) {
  const std::string bytes("\0\n\xff'\"", 5);
  Commit({Put(bytes, bytes), Put("empty", "")});
  EXPECT_EQ(store_->Get(bytes)->value, bytes);
  EXPECT_EQ(store_->Get("empty")->value, "");
}

TEST_P(StoreTest, CommitsOnlyWhenEveryCompareHolds) {
  Commit({Put("a", "1")});
  Commit({Put("b", "1")});
  EXPECT_EQ(Refusal({Put("a", "2")}, {{"a", 1}, {"b", 1}}), absl::StatusCode::kAborted);
  EXPECT_EQ(Refusal({Put("a", "2")}, {{"a", 0}}), absl::StatusCode::kAborted);
  EXPECT_EQ(Refusal({Put("c", "2")}, {{"c", 2}}), absl::StatusCode::kAborted);
  EXPECT_EQ(All(), "a=1@1/1 b=1@2/2");
  EXPECT_EQ(Commit({Put("a", "2"), Put("c", "1")}, {{"a", 1}, {"b", 2}, {"c", 0}}), 3);
  EXPECT_EQ(Commit({Delete("a")}, {{"a", 3}}), 4);
  EXPECT_EQ(Commit({Put("a", "3")}, {{"a", 0}}), 5);
}

TEST_P(StoreTest, RefusesWhatExceedsTheLimits) {
  std::vector<StoreOp> many;
  for (std::size_t i = 0; i <= limits::kTransactionOps; ++i)
    many.push_back(Put(absl::StrCat(i), ""));
  EXPECT_EQ(Refusal(many), absl::StatusCode::kInvalidArgument);
  many.pop_back();
  EXPECT_EQ(Commit(many), 1);

  const std::string largest(limits::kObjectBytes, 'x');
  EXPECT_EQ(Refusal({Put("a", largest + "x")}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Refusal({Put("a", largest), Put("b", largest), Put("c", largest), Put("d", largest)}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Refusal({Put("a", ""), Delete("a")}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Refusal({Put("", "")}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->revision(), 1);
}

TEST_P(StoreTest, RangesInOrderWithinBounds) {
  Commit({Put("b", "2"), Put("a/2", "1"), Put("a/1", "1"), Put("a0", "3")});
  EXPECT_EQ(Text(store_->Range("a/", "a0", 0).value()), "a/1=1@1/1 a/2=1@1/1");
  EXPECT_EQ(Text(store_->Range("a0", "", 0).value()), "a0=3@1/1 b=2@1/1");
  EXPECT_EQ(Text(store_->Range("c", "", 0).value()), "");
  EXPECT_EQ(Text(store_->Range("b", "a", 0).value()), "");

  const RangeResult page = store_->Range("", "", 3).value();
  EXPECT_EQ(Text(page), "a/1=1@1/1 a/2=1@1/1 a0=3@1/1");
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.revision, 1);
  EXPECT_FALSE(store_->Range("", "", 4)->more);
}

TEST_P(StoreTest, HandsOutEventsWithoutCuttingARevision) {
  Commit({Put("a", "1"), Put("b", "1")});
  Commit({Put("a", "2")});
  Commit({Put("a", "3"), Put("b", "3"), Put("c", "3")});
  EXPECT_EQ(EventsAfter(0), "+a=1@1 +b=1@1 +a=2@2 +a=3@3 +b=3@3 +c=3@3");
  EXPECT_EQ(EventsAfter(0, 1), "+a=1@1 +b=1@1");
  EXPECT_EQ(EventsAfter(0, 3), "+a=1@1 +b=1@1 +a=2@2");
  EXPECT_EQ(EventsAfter(1, 3), "+a=2@2");
  EXPECT_EQ(EventsAfter(2, 3), "+a=3@3 +b=3@3 +c=3@3");
  EXPECT_EQ(EventsAfter(3), "");
  EXPECT_EQ(EventsAfter(4), "OUT_OF_RANGE");
}

TEST_P(StoreTest, TellsThatACompactedRevisionIsTooOld) {
  for (int i = 1; i <= 5; ++i) Commit({Put("a", absl::StrCat(i)), Put(absl::StrCat("k", i), "x")});
  ASSERT_TRUE(store_->Compact(3).ok());
  EXPECT_EQ(EventsAfter(2), "OUT_OF_RANGE");
  EXPECT_EQ(EventsAfter(3), "+a=4@4 +k4=x@4 +a=5@5 +k5=x@5");
  EXPECT_EQ(All(), "a=5@5/1 k1=x@1/1 k2=x@2/2 k3=x@3/3 k4=x@4/4 k5=x@5/5");
  EXPECT_THAT(store_->EventsAfter(2, 0).status().message(), HasSubstr("too old"));
  EXPECT_EQ(store_->Compact(6).code(), absl::StatusCode::kOutOfRange);
  // Compacting less than before changes nothing.
  ASSERT_TRUE(store_->Compact(1).ok());
  EXPECT_EQ(EventsAfter(2), "OUT_OF_RANGE");
}

TEST_P(StoreTest, BoundsItsHistory) {
  const std::size_t transactions = limits::kWatchHistory / limits::kTransactionOps + 10;
  std::vector<StoreOp> ops;
  for (std::size_t i = 0; i < limits::kTransactionOps; ++i)
    ops.push_back(Put(absl::StrCat(i), "x"));
  for (std::size_t i = 0; i < transactions; ++i) Commit(ops);
  EXPECT_EQ(EventsAfter(0), "OUT_OF_RANGE");
  EXPECT_NE(EventsAfter(store_->revision() - transactions / 2), "OUT_OF_RANGE");
  EXPECT_THAT(store_->Range("", "", 0)->items, SizeIs(limits::kTransactionOps));
}

TEST_P(StoreTest, ShowsTheObserverEveryRevisionOnceAndInOrder) {
  std::vector<std::string> seen;
  EXPECT_EQ(
      store_->Observe([&](absl::Span<const StoreEvent> events) { seen.push_back(Text(events)); }),
      0);
  Commit({Put("a", "1"), Put("b", "1")});
  EXPECT_THAT(seen, ElementsAre("+a=1@1 +b=1@1"));
  Refusal({Put("a", "2")}, {{"a", 0}});
  Commit({Delete("c")});
  Commit({Delete("a")});
  EXPECT_THAT(seen, ElementsAre("+a=1@1 +b=1@1", "-a=1@2"));
}

// Writers on several threads add to one counter by compare and set: no increment may be lost, and
// the observer must see the values rise one by one.
TEST_P(StoreTest, LosesNoConcurrentIncrement) {
  constexpr int kWriters = 8;
  constexpr int kEach = 50;
  std::vector<std::string> seen;
  store_->Observe([&](absl::Span<const StoreEvent> events) {
    for (const StoreEvent& event : events) seen.push_back(event.value);
  });
  Commit({Put("n", "0")});
  std::atomic<int> aborted = 0;
  std::vector<std::unique_ptr<Thread>> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.push_back(ground_.threads->Start("writer", [&] {
      for (int done = 0; done < kEach;) {
        const KeyValue now = store_->Get("n").value();
        const std::string next = absl::StrCat(std::stoi(now.value) + 1);
        const auto revision = store_->Commit({{{"n", now.mod_revision}}, {Put("n", next)}});
        if (revision.ok()) {
          ++done;
          EXPECT_GE(store_->revision(), *revision);
        } else {
          EXPECT_EQ(revision.status().code(), absl::StatusCode::kAborted);
          ++aborted;
        }
      }
    }));
  }
  for (auto& writer : writers) writer->Join();
  EXPECT_EQ(store_->Get("n")->value, absl::StrCat(kWriters * kEach));
  EXPECT_EQ(store_->revision(), kWriters * kEach + 1);
  ASSERT_THAT(seen, SizeIs(kWriters * kEach + 1));
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], absl::StrCat(i));
}

TEST_P(StoreTest, SnapshotsReadTheSameFromEveryStore) {
  const std::unique_ptr<Store> other = MakeMemoryStore();
  for (Store* store : {store_.get(), other.get()}) {
    ASSERT_TRUE(store->Commit({{}, {Put("b", "2"), Put("a", "1")}}).ok());
    ASSERT_TRUE(store->Commit({{}, {Put(std::string("\0", 1), std::string("\xff", 1))}}).ok());
    ASSERT_TRUE(store->Commit({{}, {Delete("b")}}).ok());
  }
  const std::string snapshot = store_->Snapshot().value();
  EXPECT_EQ(snapshot, other->Snapshot().value());
  EXPECT_THAT(snapshot, HasSubstr("espalier-snapshot 1\nrevision 3\nkeys 2\n"));
}

TEST_P(StoreTest, RestoreReplacesEverythingUnderANewEpoch) {
  Commit({Put("a", "1"), Put("b", "1")});
  Commit({Put("a", "2")});
  const std::string snapshot = store_->Snapshot().value();
  for (int i = 0; i < 5; ++i) Commit({Put("a", "late"), Put("late", "x")});
  const std::string epoch = store_->epoch();

  ASSERT_TRUE(store_->Restore(snapshot).ok());
  EXPECT_EQ(All(), "a=2@2/1 b=1@1/1");
  EXPECT_EQ(store_->revision(), 8);
  EXPECT_NE(store_->epoch(), epoch);
  EXPECT_EQ(EventsAfter(2), "OUT_OF_RANGE");
  EXPECT_EQ(EventsAfter(8), "");
  // What was read before the restore cannot be written upon.
  EXPECT_EQ(Refusal({Put("a", "stale")}, {{"a", 7}}), absl::StatusCode::kAborted);
  EXPECT_EQ(Commit({Put("a", "3")}, {{"a", 2}}), 9);

  const std::string second = store_->epoch();
  ASSERT_TRUE(store_->Restore(snapshot).ok());
  EXPECT_NE(store_->epoch(), second);
}

TEST_P(StoreTest, RestoresIntoAnEmptyStore) {
  const std::unique_ptr<Store> other = MakeMemoryStore();
  for (int i = 1; i <= 300; ++i) {
    ASSERT_TRUE(
        other->Commit({{}, {Put(absl::StrCat("k", i), "v"), Put("hot", absl::StrCat(i))}}).ok());
  }
  ASSERT_TRUE(store_->Restore(other->Snapshot().value()).ok());
  EXPECT_EQ(store_->revision(), 301);
  EXPECT_EQ(All(), Text(other->Range("", "", 0).value()));
}

TEST_P(StoreTest, RefusesADamagedSnapshot) {
  Commit({Put("a", "1"), Put("b", "2")});
  const std::string snapshot = store_->Snapshot().value();
  const std::vector<std::pair<std::string, std::string>> damages = {
      {"empty", ""},
      {"cut short", snapshot.substr(0, snapshot.size() - 1)},
      {"cut at half", snapshot.substr(0, snapshot.size() / 2)},
      {"a number changed", absl::StrReplaceAll(snapshot, {{"revision 1", "revision 2"}})},
      {"bytes behind it", snapshot + "x"},
      {"not a snapshot", "hello"},
  };
  for (const auto& [name, text] : damages) {
    EXPECT_EQ(store_->Restore(text).code(), absl::StatusCode::kDataLoss) << name;
  }
  for (std::size_t i = 0; i < snapshot.size(); ++i) {
    std::string flipped = snapshot;
    flipped[i] ^= 1;
    EXPECT_EQ(store_->Restore(flipped).code(), absl::StatusCode::kDataLoss) << "byte " << i;
  }
  EXPECT_EQ(All(), "a=1@1/1 b=2@1/1");
}

TEST_P(StoreTest, RefusesWritesOnceClosed) {
  Commit({Put("a", "1")});
  EXPECT_TRUE(store_->Close().ok());
  EXPECT_EQ(Refusal({Put("a", "2")}), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Get("a")->value, "1");
  store_.reset();
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, ::testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace espalier
