// Arithmetic on the lines that a change touches: which lines of a file are part of a diff, which
// line was which before, and where two changes of one file collide. Pure, and total: hunks that no
// diff would contain are left out, so that nothing here can be led astray by what a library
// returns. Thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace espalier {

// Lines of a file, from 1. No lines (`count` 0) lie before line `first`.
struct LineRange {
  std::int32_t first = 1;
  std::int32_t count = 0;

  std::int32_t end() const { return first + count; }
  friend bool operator==(const LineRange& a, const LineRange& b) {
    return a.first == b.first && a.count == b.count;
  }
};

// What a change replaces by what, without any context.
struct LineHunk {
  LineRange before;
  LineRange after;

  friend bool operator==(const LineHunk& a, const LineHunk& b) {
    return a.before == b.before && a.after == b.after;
  }
};

// What becomes of the lines of one file.
class ChangedLines {
 public:
  // Lines around a hunk that forges show, and let be commented on, with it.
  static constexpr std::int32_t kContext = 3;

  // Nothing is changed: every line is what it was.
  ChangedLines() = default;
  // In order of lines. A hunk that does not fit behind those before it is left out.
  explicit ChangedLines(const std::vector<LineHunk>& hunks);

  const std::vector<LineHunk>& hunks() const { return hunks_; }
  bool empty() const { return hunks_.empty(); }

  // Whether `line` of the file after the change was brought by it.
  bool IsNew(std::int32_t line) const;
  // Whether `line` of the file after the change is part of the diff, as new or as context.
  bool IsInDiff(std::int32_t line) const;
  // Which line of the file before the change `line` was; 0 for a new line and for no line.
  std::int32_t OldLine(std::int32_t line) const;

 private:
  // The first hunk that does not end before `line` of the file after the change.
  std::vector<LineHunk>::const_iterator HunkAt(std::int32_t line) const;

  std::vector<LineHunk> hunks_;
};

// Where two changes of the same file touch the same or neighbouring lines: the lines that each of
// them has there, in the files after each.
struct LineCollision {
  LineRange ours;
  LineRange theirs;
};
std::vector<LineCollision> Collisions(const ChangedLines& ours, const ChangedLines& theirs);

}  // namespace espalier
