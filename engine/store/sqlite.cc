#include "engine/store/sqlite.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "engine/store/commit_batch.h"
#include "engine/store/epoch.h"
#include "engine/store/log_sweep.h"
#include "engine/store/memory_view.h"
#include "engine/store/snapshot.h"
#include "engine/store/sqlite_log.h"

namespace espalier {
namespace {

// Pages of the write-ahead log at which it is moved into the file: when nothing else is to do, and
// at the latest. The latter bounds the longest wait for a commit (64 MiB would be a quarter of a
// second).
constexpr int kIdleCheckpointPages = 256;
constexpr int kBusyCheckpointPages = 2048;
// Rows and gaps done by one step of a sweep: about a millisecond of work between two commits.
constexpr std::int64_t kSweepStep = 512;
// While commits wait, only every so many batches are followed by a step.
constexpr int kBatchesPerSweepStep = 8;

// A caller's wish, on the caller's stack until the writer raises `done`.
struct Request {
  // Either a transaction, or something else that the writer shall do.
  const Transaction* transaction = nullptr;
  absl::AnyInvocable<absl::Status()> job = nullptr;

  absl::StatusOr<std::int64_t> result = 0;
  Wakeup done;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(Clock& clock, Threads& threads, const SqliteOptions& options)
      : clock_(clock), threads_(threads), options_(options) {}
  ~SqliteStore() override { ESPALIER_CHECK(writer_ == nullptr); }

  // Opens and reads the log, and starts the writer.
  absl::Status Start(const std::string& path);

  absl::StatusOr<std::int64_t> Commit(const Transaction& transaction) override;
  absl::StatusOr<RangeResult> Range(absl::string_view begin, absl::string_view end,
                                    std::size_t limit) const override {
    return view_.Range(begin, end, limit);
  }
  absl::StatusOr<KeyValue> Get(absl::string_view key) const override { return view_.Get(key); }
  absl::StatusOr<std::vector<StoreEvent>> EventsAfter(std::int64_t after,
                                                      std::size_t limit) const override {
    return view_.EventsAfter(after, limit);
  }
  std::int64_t Observe(Observer observer) override;
  std::int64_t revision() const override { return view_.revision(); }
  std::string epoch() const override;
  absl::Status Compact(std::int64_t revision) override;
  absl::StatusOr<std::string> Snapshot() const override;
  absl::Status Restore(absl::string_view snapshot) override;
  absl::Status Close() override;

 private:
  using Requests = std::vector<Request*>;

  // Waits until the writer has done it.
  absl::StatusOr<std::int64_t> Do(Request& request);

  // The rest is the writer's thread.
  void RunWriter();
  // What waits, up to a group's size. False: nothing does; `closing` says whether more can come.
  bool TakeGroup(Requests& group, bool& closing);
  void CommitGroup(const Requests& group);
  void Publish(absl::Span<const LogRow> rows);
  absl::Status RestoreNow(SnapshotState state, absl::string_view snapshot);
  absl::Status StartSweep(std::int64_t floor);
  // A step of what can wait. False: nothing is left to do.
  bool DoHousework(bool idle);
  void Check(const absl::Status& status);

  Clock& clock_;
  Threads& threads_;
  const SqliteOptions options_;

  // Synchronise themselves.
  MemoryView view_;
  Wakeup wakeup_;

  // Belong to the writer once it runs.
  std::unique_ptr<SqliteLog> log_;
  std::int64_t rows_ = 0;
  LogSweep sweep_;
  int batches_since_sweep_ = 0;
  // The first failure of the disk; nothing is written after it.
  absl::Status failure_;

  mutable Mutex mu_;
  std::deque<Request*> queue_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  bool committed_ ABSL_GUARDED_BY(mu_) = false;
  // Set once, before the first commit, and only called after that.
  Observer observer_ ABSL_GUARDED_BY(mu_);
  std::string epoch_ ABSL_GUARDED_BY(mu_);

  // Belongs to Start and Close.
  std::unique_ptr<Thread> writer_;
};

absl::Status SqliteStore::Start(const std::string& path) {
  ESPALIER_ASSIGN_OR_RETURN(log_, SqliteLog::Open(path, RandomEpoch()));
  ESPALIER_ASSIGN_OR_RETURN(const SqliteLog::Meta meta, log_->ReadMeta());
  ESPALIER_RETURN_IF_ERROR(log_->ReadRows([&](LogRow row) {
    ++rows_;
    view_.Apply({&row, 1});
  }));
  // The last rows may have been deletions that are swept already.
  view_.Advance(meta.floor);
  ESPALIER_RETURN_IF_ERROR(view_.Compact(meta.floor));
  {
    MutexLock lock(mu_);
    epoch_ = meta.epoch;
  }
  writer_ = threads_.Start("store", [this] { RunWriter(); });
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> SqliteStore::Do(Request& request) {
  {
    MutexLock lock(mu_);
    if (closing_) return absl::FailedPreconditionError("the store is closed");
    if (queue_.size() >= limits::kCommitQueue) {
      return absl::ResourceExhaustedError("too many transactions wait for the disk");
    }
    committed_ = committed_ || request.transaction != nullptr;
    queue_.push_back(&request);
  }
  wakeup_.Notify();
  clock_.WaitUntil(request.done, absl::InfiniteDuration());
  return std::move(request.result);
}

absl::StatusOr<std::int64_t> SqliteStore::Commit(const Transaction& transaction) {
  ESPALIER_RETURN_IF_ERROR(CheckLimits(transaction));
  Request request;
  request.transaction = &transaction;
  return Do(request);
}

std::int64_t SqliteStore::Observe(Observer observer) {
  MutexLock lock(mu_);
  ESPALIER_CHECK(observer_ == nullptr && !committed_);
  observer_ = std::move(observer);
  return view_.revision();
}

std::string SqliteStore::epoch() const {
  MutexLock lock(mu_);
  return epoch_;
}

absl::Status SqliteStore::Compact(std::int64_t revision) {
  Request request;
  request.job = [this, revision] {
    ESPALIER_RETURN_IF_ERROR(view_.Compact(revision));
    return StartSweep(view_.floor());
  };
  return Do(request).status();
}

absl::StatusOr<std::string> SqliteStore::Snapshot() const {
  SnapshotState state;
  state.live = view_.Copy(state.revision);
  return EncodeSnapshot(state);
}

absl::Status SqliteStore::Restore(absl::string_view snapshot) {
  ESPALIER_ASSIGN_OR_RETURN(SnapshotState state, DecodeSnapshot(snapshot));
  Request request;
  request.job = [&] { return RestoreNow(std::move(state), snapshot); };
  return Do(request).status();
}

absl::Status SqliteStore::Close() {
  {
    MutexLock lock(mu_);
    if (closing_) return absl::FailedPreconditionError("the store is closed");
    closing_ = true;
  }
  wakeup_.Notify();
  writer_->Join();
  writer_ = nullptr;
  log_ = nullptr;
  return failure_;
}

void SqliteStore::RunWriter() {
  Requests group;
  bool closing = false;
  while (!closing) {
    if (TakeGroup(group, closing)) {
      CommitGroup(group);
      DoHousework(/*idle=*/false);
    } else if (!closing && !DoHousework(/*idle=*/true)) {
      clock_.WaitUntil(wakeup_, absl::InfiniteDuration());
    }
  }
  // Everything in one file: easier to look at, and nothing to replay at the next start.
  if (failure_.ok()) Check(log_->Checkpoint());
}

bool SqliteStore::TakeGroup(Requests& group, bool& closing) {
  group.clear();
  std::size_t bytes = 0;
  MutexLock lock(mu_);
  while (!queue_.empty() && bytes < limits::kCommitGroupBytes) {
    Request* request = queue_.front();
    // Other work stands alone, so that batches see a view that does not change.
    const bool alone = request->transaction == nullptr;
    if (alone && !group.empty()) break;
    group.push_back(request);
    queue_.pop_front();
    if (alone) break;
    for (const StoreOp& op : request->transaction->ops) bytes += op.key.size() + op.value.size();
  }
  closing = group.empty() && closing_;
  return !group.empty();
}

void SqliteStore::CommitGroup(const Requests& group) {
  CommitBatch batch(view_);
  for (Request* request : group) {
    if (!failure_.ok()) break;
    if (request->transaction != nullptr) {
      request->result = batch.Add(*request->transaction);
    } else if (absl::Status status = request->job(); !status.ok()) {
      request->result = std::move(status);
    }
  }
  if (!batch.rows().empty()) {
    Check(log_->Append(batch.rows()));
    if (failure_.ok()) {
      rows_ += static_cast<std::int64_t>(batch.rows().size());
      view_.Apply(batch.rows());
      Publish(batch.rows());
    }
  }
  for (Request* request : group) {
    if (!failure_.ok()) request->result = failure_;
    // The request is the caller's again, and may be gone, as soon as this is raised.
    request->done.Notify();
  }
}

void SqliteStore::Publish(absl::Span<const LogRow> rows) {
  Observer* observer = nullptr;
  {
    MutexLock lock(mu_);
    if (observer_ == nullptr) return;
    observer = &observer_;
  }
  std::vector<StoreEvent> events;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    events.push_back(ToEvent(rows[i]));
    if (i + 1 < rows.size() && rows[i + 1].revision == rows[i].revision) continue;
    (*observer)(events);
    events.clear();
  }
}

absl::Status SqliteStore::RestoreNow(SnapshotState state, absl::string_view snapshot) {
  const std::int64_t revision = std::max(view_.revision(), state.revision) + 1;
  const SqliteLog::Meta meta = {NextEpoch(epoch(), snapshot, revision), revision};
  std::vector<LogRow> rows;
  rows.reserve(state.live.size());
  for (const auto& [key, live] : state.live) {
    rows.push_back({.revision = live.mod_revision,
                    .position = live.position,
                    .key = key,
                    .value = live.value,
                    .create_revision = live.create_revision});
  }
  std::sort(rows.begin(), rows.end(), [](const LogRow& a, const LogRow& b) {
    return std::pair(a.revision, a.position) < std::pair(b.revision, b.position);
  });
  Check(log_->Replace(rows, meta));
  ESPALIER_RETURN_IF_ERROR(failure_);
  rows_ = static_cast<std::int64_t>(rows.size());
  sweep_ = LogSweep();
  view_.Reset(std::move(state.live), revision);
  MutexLock lock(mu_);
  epoch_ = meta.epoch;
  return absl::OkStatus();
}

absl::Status SqliteStore::StartSweep(std::int64_t floor) {
  // The floor is on the disk before anything at or below it goes: a restart must not take a history
  // with holes for a whole one.
  Check(log_->WriteFloor(floor));
  ESPALIER_RETURN_IF_ERROR(failure_);
  sweep_ = LogSweep(view_.LiveRowsUpTo(floor), RowId(floor + 1, 0));
  return absl::OkStatus();
}

bool SqliteStore::DoHousework(bool idle) {
  if (!failure_.ok()) return false;
  if (log_->wal_pages() >= (idle ? kIdleCheckpointPages : kBusyCheckpointPages)) {
    Check(log_->Checkpoint());
    return true;
  }
  if (!idle && ++batches_since_sweep_ < kBatchesPerSweepStep) return true;
  batches_since_sweep_ = 0;
  if (sweep_.done()) {
    const std::size_t needed = view_.live_keys() + limits::kWatchHistory;
    if (static_cast<std::size_t>(rows_) <= needed + options_.sweep_slack_rows) return false;
    Check(StartSweep(view_.floor()));
    return true;
  }
  const absl::StatusOr<std::int64_t> deleted = log_->Delete(sweep_, kSweepStep);
  Check(deleted.status());
  if (deleted.ok()) rows_ -= *deleted;
  return true;
}

void SqliteStore::Check(const absl::Status& status) {
  if (status.ok() || !failure_.ok()) return;
  failure_ = absl::UnavailableError(absl::StrCat("the store's disk failed: ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(Clock& clock, Threads& threads,
                                                       const std::string& path,
                                                       const SqliteOptions& options) {
  auto store = std::make_unique<SqliteStore>(clock, threads, options);
  ESPALIER_RETURN_IF_ERROR(store->Start(path));
  return store;
}

}  // namespace espalier
