// LogRow: one change of one key, in the form that the view replays and a log on disk keeps. A plain
// value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

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

}  // namespace espalier
