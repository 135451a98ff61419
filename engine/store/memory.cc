#include "engine/store/memory.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/check.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "engine/store/commit_batch.h"
#include "engine/store/epoch.h"
#include "engine/store/memory_view.h"
#include "engine/store/snapshot.h"

namespace espalier {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::string epoch) : epoch_(std::move(epoch)) {}

  absl::StatusOr<std::int64_t> Commit(const Transaction& transaction) override {
    ESPALIER_RETURN_IF_ERROR(CheckLimits(transaction));
    // Held while the observer runs, against the rule: it is what puts the events of concurrent
    // commits in order. The observer must not call the store, so that nobody can wait here for
    // himself.
    MutexLock lock(commit_mu_);
    if (closed_) return absl::FailedPreconditionError("the store is closed");
    committed_ = true;
    CommitBatch batch(view_);
    ESPALIER_ASSIGN_OR_RETURN(const std::int64_t revision, batch.Add(transaction));
    view_.Apply(batch.rows());
    if (observer_ != nullptr && !batch.rows().empty()) {
      std::vector<StoreEvent> events;
      events.reserve(batch.rows().size());
      for (const LogRow& row : batch.rows()) events.push_back(ToEvent(row));
      observer_(events);
    }
    return revision;
  }

  absl::StatusOr<RangeResult> Range(absl::string_view begin, absl::string_view end,
                                    std::size_t limit) const override {
    return view_.Range(begin, end, limit);
  }

  absl::StatusOr<KeyValue> Get(absl::string_view key) const override { return view_.Get(key); }

  absl::StatusOr<std::vector<StoreEvent>> EventsAfter(std::int64_t after,
                                                      std::size_t limit) const override {
    return view_.EventsAfter(after, limit);
  }

  std::int64_t Observe(Observer observer) override {
    MutexLock lock(commit_mu_);
    ESPALIER_CHECK(observer_ == nullptr && !committed_);
    observer_ = std::move(observer);
    return view_.revision();
  }

  std::int64_t revision() const override { return view_.revision(); }

  std::string epoch() const override {
    MutexLock lock(commit_mu_);
    return epoch_;
  }

  absl::Status Compact(std::int64_t revision) override { return view_.Compact(revision); }

  absl::StatusOr<std::string> Snapshot() const override {
    SnapshotState state;
    state.live = view_.Copy(state.revision);
    return EncodeSnapshot(state);
  }

  absl::Status Restore(absl::string_view snapshot) override {
    ESPALIER_ASSIGN_OR_RETURN(SnapshotState state, DecodeSnapshot(snapshot));
    MutexLock lock(commit_mu_);
    if (closed_) return absl::FailedPreconditionError("the store is closed");
    const std::int64_t revision = std::max(view_.revision(), state.revision) + 1;
    epoch_ = NextEpoch(epoch_, snapshot, revision);
    view_.Reset(std::move(state.live), revision);
    return absl::OkStatus();
  }

  absl::Status Close() override {
    MutexLock lock(commit_mu_);
    closed_ = true;
    return absl::OkStatus();
  }

 private:
  MemoryView view_;
  // Orders commits.
  mutable Mutex commit_mu_;
  std::string epoch_ ABSL_GUARDED_BY(commit_mu_);
  Observer observer_ ABSL_GUARDED_BY(commit_mu_);
  bool committed_ ABSL_GUARDED_BY(commit_mu_) = false;
  bool closed_ ABSL_GUARDED_BY(commit_mu_) = false;
};

}  // namespace

std::unique_ptr<Store> MakeMemoryStore(std::string epoch) {
  if (epoch.empty()) epoch = RandomEpoch();
  return std::make_unique<MemoryStore>(std::move(epoch));
}

}  // namespace espalier
