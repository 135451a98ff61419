// LogSweep: which rows of the log can go. A plain value.
//
// Goes upwards only: a deletion's row may go no sooner than the older rows of its key, or a restart
// in the middle would bring the key back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace espalier {

class LogSweep {
 public:
  // Ids [first, end) of rows that shall go.
  struct Gap {
    std::int64_t first = 0;
    std::int64_t end = 0;
  };

  // Nothing to do.
  LogSweep() = default;
  // All ids below `end` but `keep` (in any order, each below `end`) shall go.
  LogSweep(std::vector<std::int64_t> keep, std::int64_t end);

  bool done() const { return first_ >= end_; }
  // The lowest gap that is left. REQUIRES: !done().
  Gap gap() const;
  // The gap is empty now. REQUIRES: !done().
  void Advance();

 private:
  void SkipKept();

  std::vector<std::int64_t> keep_;
  std::size_t next_keep_ = 0;
  std::int64_t first_ = 0;
  std::int64_t end_ = 0;
};

}  // namespace espalier
