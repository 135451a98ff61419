// LogRow: one change of one key, in the form that the view replays and a log on disk keeps. A plain
// value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/limits.h"
#include "engine/store/store.h"

namespace espalier {

struct LogRow {
  std::int64_t revision = 0;
  // Place in its transaction, from 0.
  int position = 0;
  StoreOp::Type type = StoreOp::Type::kPut;
  std::string key;
  // For deletions the last value. Never null. Shared by the live key and the history.
  std::shared_ptr<const std::string> value;
  // Revision of the write that made the key.
  std::int64_t create_revision = 0;
};

// Bits of a row's id that hold its place in the transaction.
inline constexpr int kPositionBits = 7;
static_assert(limits::kTransactionOps <= (std::size_t{1} << kPositionBits));

// Where a row stands in the log: ids rise with revisions, and within one with positions.
inline std::int64_t RowId(std::int64_t revision, int position) {
  return (revision << kPositionBits) | position;
}
inline std::int64_t RevisionOfRow(std::int64_t id) { return id >> kPositionBits; }
inline int PositionOfRow(std::int64_t id) {
  return static_cast<int>(id & ((1 << kPositionBits) - 1));
}

}  // namespace espalier
