// What only a store on a disk can get wrong: coming back, keeping the log short, damage, two
// owners.
#include "engine/store/sqlite.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/store/sqlite_log.h"
#include "engine/store/test_stores.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;

StoreOp Put(std::string key, std::string value) {
  return {StoreOp::Type::kPut, std::move(key), std::move(value)};
}
StoreOp Delete(std::string key) { return {StoreOp::Type::kDelete, std::move(key), ""}; }

class SqliteTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (store_ != nullptr) Close();
  }
  absl::StatusOr<std::unique_ptr<Store>> TryOpen(SqliteOptions options = {}) {
    return OpenSqliteStore(*ground_.clock, *ground_.threads, path_, options);
  }
  void Open(SqliteOptions options = {}) {
    auto store = TryOpen(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(store).value();
  }
  void Close() {
    EXPECT_TRUE(store_->Close().ok());
    store_ = nullptr;
  }
  void Commit(std::vector<StoreOp> ops) {
    const auto revision = store_->Commit({{}, std::move(ops)});
    ASSERT_TRUE(revision.ok()) << revision.status();
  }
  // Rows in the file. REQUIRES: the store is closed.
  int Rows() {
    const auto log = SqliteLog::Open(path_, "unused").value();
    int rows = 0;
    EXPECT_TRUE(log->ReadRows([&](const LogRow&) { ++rows; }).ok());
    return rows;
  }
  // Changes the file behind the store's back. REQUIRES: the store is closed.
  void Overwrite(std::int64_t offset, const std::string& bytes) {
    const int file = open(path_.c_str(), O_WRONLY | O_CREAT, 0600);
    ASSERT_GE(file, 0);
    EXPECT_EQ(pwrite(file, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
    close(file);
  }

  TestGround ground_;
  const std::string path_ = ground_.dir.path() + "/store.db";
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteTest, ComesBackWithEverything) {
  Open();
  Commit({Put("a", "1"), Put("b", "1")});
  Commit({Put("a", "2"), Delete("b")});
  const std::string epoch = store_->epoch();
  const std::string snapshot = store_->Snapshot().value();
  Close();
  Open();
  EXPECT_EQ(store_->epoch(), epoch);
  EXPECT_EQ(store_->Snapshot().value(), snapshot);
  const auto events = store_->EventsAfter(1, 0).value();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].value, "1");
  EXPECT_EQ(store_->Commit({{{"a", 2}}, {Put("a", "3")}}).value(), 3);
}

TEST_F(SqliteTest, ComesBackAfterARestore) {
  Open();
  for (int i = 0; i < 10; ++i) Commit({Put("a", absl::StrCat(i)), Put(absl::StrCat("k", i), "x")});
  const std::string snapshot = store_->Snapshot().value();
  Commit({Put("late", "x")});
  ASSERT_TRUE(store_->Restore(snapshot).ok());
  const std::string epoch = store_->epoch();
  const std::string restored = store_->Snapshot().value();
  EXPECT_THAT(restored, HasSubstr("revision 12\n"));
  Close();
  Open();
  EXPECT_EQ(store_->epoch(), epoch);
  EXPECT_EQ(store_->Snapshot().value(), restored);
  EXPECT_EQ(store_->EventsAfter(11, 0).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(SqliteTest, CompactionKeepsLiveKeysAndTheRevision) {
  Open();
  Commit({Put("old", "kept"), Put("gone", "x")});
  for (int i = 0; i < 300; ++i) Commit({Put("hot", absl::StrCat(i))});
  Commit({Delete("hot"), Delete("gone")});
  ASSERT_TRUE(store_->Compact(302).ok());
  // The sweep goes on between commits, whether the store has time for it or not.
  for (int i = 0; i < 50; ++i) Commit({Put("new", absl::StrCat(i))});
  Close();
  EXPECT_EQ(Rows(), 51);
  Open();
  EXPECT_EQ(store_->revision(), 352);
  EXPECT_EQ(store_->Get("old")->mod_revision, 1);
  EXPECT_EQ(store_->Get("hot").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->EventsAfter(301, 0).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(store_->EventsAfter(302, 0)->size(), 50u);
}

TEST_F(SqliteTest, KeepsTheRevisionWhenEverythingIsCompacted) {
  Open();
  Commit({Put("a", "1")});
  Commit({Delete("a")});
  ASSERT_TRUE(store_->Compact(2).ok());
  Close();
  Open();
  EXPECT_EQ(store_->revision(), 2);
  Commit({Put("a", "2")});
  EXPECT_EQ(store_->Get("a")->create_revision, 3);
}

TEST_F(SqliteTest, SweepsByItselfWhenTheLogGrows) {
  Open({.sweep_slack_rows = 1000});
  std::vector<StoreOp> ops;
  for (std::size_t i = 0; i < limits::kTransactionOps; ++i)
    ops.push_back(Put(absl::StrCat(i), "x"));
  // Between two sweeps the log may grow by the slack and by what comes while a sweep runs.
  constexpr std::size_t kRounds = 700;
  for (std::size_t i = 0; i < kRounds; ++i) Commit(ops);
  Close();
  const std::size_t written = kRounds * limits::kTransactionOps;
  EXPECT_LT(Rows(), static_cast<int>(written - 5000));
  Open();
  EXPECT_EQ(store_->Range("", "", 0)->items.size(), limits::kTransactionOps);
}

TEST_F(SqliteTest, RefusesASecondOwner) {
  Open();
  EXPECT_EQ(TryOpen().status().code(), absl::StatusCode::kFailedPrecondition);
  Close();
  Open();
}

TEST_F(SqliteTest, RefusesWhatItCannotHaveWritten) {
  Open();
  Commit({Put("a", "1")});
  Close();
  // Offsets of the fields in the header of an SQLite file.
  constexpr int kUserVersion = 60;
  constexpr int kApplicationId = 68;
  Overwrite(kUserVersion, std::string("\0\0\0\x63", 4));
  EXPECT_THAT(TryOpen().status().ToString(), HasSubstr("FAILED_PRECONDITION"));
  EXPECT_THAT(TryOpen().status().ToString(), HasSubstr("written in format 99"));
  Overwrite(kApplicationId, "abcd");
  EXPECT_THAT(TryOpen().status().ToString(), HasSubstr("not a store"));
  Overwrite(0, "not a database at all");
  EXPECT_EQ(TryOpen().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteTest, RefusesAFolderThatIsNotThere) {
  const auto store =
      OpenSqliteStore(*ground_.clock, *ground_.threads, ground_.dir.path() + "/no/store.db");
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
}

// A limit on the size of files stands in for a full disk.
TEST_F(SqliteTest, WritesNothingMoreOnceTheDiskFailed) {
  Open();
  Commit({Put("a", "1")});
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit full = before;
  full.rlim_cur = 64 * 1024;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  const auto failed = store_->Commit({{}, {Put("b", std::string(200 * 1024, 'x'))}});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);

  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_->Commit({{}, {Put("c", "1")}}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_->revision(), 1);
  EXPECT_EQ(store_->Get("a")->value, "1");
  EXPECT_EQ(store_->Close().code(), absl::StatusCode::kUnavailable);
  Open();
  EXPECT_EQ(store_->Get("a")->value, "1");
  Commit({Put("c", "1")});
}

TEST_F(SqliteTest, TakesBackNoRowThatIsDeleted) {
  // The log alone: an interrupted sweep must not bring a deleted key back.
  {
    const auto log = SqliteLog::Open(path_, "epoch").value();
    const auto value = std::make_shared<const std::string>("x");
    std::vector<LogRow> rows;
    for (int i = 1; i <= 10; ++i) {
      rows.push_back({.revision = i, .key = "a", .value = value, .create_revision = 1});
    }
    rows.push_back({.revision = 11,
                    .type = StoreOp::Type::kDelete,
                    .key = "a",
                    .value = value,
                    .create_revision = 1});
    ASSERT_TRUE(log->Append(rows).ok());
    ASSERT_TRUE(log->WriteFloor(11).ok());
    LogSweep sweep({}, RowId(12, 0));
    EXPECT_EQ(log->Delete(sweep, 4).value(), 4);
    EXPECT_FALSE(sweep.done());
  }
  EXPECT_EQ(Rows(), 7);
  Open();
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->revision(), 11);
}

}  // namespace
}  // namespace espalier
