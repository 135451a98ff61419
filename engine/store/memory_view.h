// MemoryView: all live keys and the latest events in memory, which every store answers its reads
// from.
//
// Thread-safe: one writer at a time (the store sees to that), any number of readers. Values are
// shared, so that readers copy them after they have let go of the lock.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/mutex.h"
#include "engine/store/log_row.h"
#include "engine/store/store.h"

namespace espalier {

class MemoryView {
 public:
  // A live key and where its last change stands in the log.
  struct Live {
    std::shared_ptr<const std::string> value;
    std::int64_t mod_revision = 0;
    std::int64_t create_revision = 0;
    int position = 0;
  };
  using LiveMap = absl::btree_map<std::string, Live>;

  // Applies rows in order. REQUIRES: revisions do not fall, and are above revision() but for rows
  // of one transaction given in several calls.
  void Apply(absl::Span<const LogRow> rows);

  // Forgets events up to `revision`. OUT_OF_RANGE if it lies in the future.
  absl::Status Compact(std::int64_t revision);
  // There was nothing to see up to `revision` since the last row.
  void Advance(std::int64_t revision);
  // Replaces everything; nothing before `revision` can be resumed.
  void Reset(LiveMap live, std::int64_t revision);

  // As in Store.
  absl::StatusOr<KeyValue> Get(absl::string_view key) const;
  RangeResult Range(absl::string_view begin, absl::string_view end, std::size_t limit) const;
  absl::StatusOr<std::vector<StoreEvent>> EventsAfter(std::int64_t after, std::size_t limit) const;
  std::int64_t revision() const;

  // The key as it is; mod_revision 0 if it is not there.
  Live Find(absl::string_view key) const;
  // A copy of everything and its revision; values are shared.
  LiveMap Copy(std::int64_t& revision) const;
  // Ids of the rows up to `revision` that live keys were written by, in any order.
  std::vector<std::int64_t> LiveRowsUpTo(std::int64_t revision) const;
  // Events up to this revision are forgotten.
  std::int64_t floor() const;
  std::size_t live_keys() const;

 private:
  void TrimHistory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropOldestRevision() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  LiveMap live_ ABSL_GUARDED_BY(mu_);
  std::deque<LogRow> history_ ABSL_GUARDED_BY(mu_);
  std::size_t history_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t revision_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t floor_ ABSL_GUARDED_BY(mu_) = 0;
};

// The row as watchers see it.
StoreEvent ToEvent(const LogRow& row);

}  // namespace espalier
