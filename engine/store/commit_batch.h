// CommitBatch: transactions that are checked one after the other, each against the view and what
// the ones before it in the batch did, and that become durable together. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/store/log_row.h"
#include "engine/store/memory_view.h"
#include "engine/store/store.h"

namespace espalier {

// INVALID_ARGUMENT: more than limits.h allows, an empty key, or a key written twice.
absl::Status CheckLimits(const Transaction& transaction);

class CommitBatch {
 public:
  // `view` is borrowed and must not be written while the batch is filled.
  explicit CommitBatch(const MemoryView& view) : view_(view), revision_(view.revision()) {}

  // Adds the transaction if its compares hold and returns the revision that it will have. ABORTED:
  // a compare failed, the batch is as before. One that changes nothing (no ops, or deletions of
  // what is not there) gets no revision of its own but the last one. REQUIRES:
  // CheckLimits(transaction) is OK.
  absl::StatusOr<std::int64_t> Add(const Transaction& transaction);

  // What all added transactions do, in order.
  const std::vector<LogRow>& rows() const { return rows_; }

 private:
  MemoryView::Live Find(absl::string_view key) const;

  const MemoryView& view_;
  std::int64_t revision_;
  std::vector<LogRow> rows_;
  // Index in rows_ of the last change of a key.
  absl::flat_hash_map<std::string, std::size_t> latest_;
};

}  // namespace espalier
