#include "reconciler/git/changed_lines.h"

#include <algorithm>

namespace espalier {
namespace {

// Beyond what any file that is read has; sums of two stay far from overflow.
constexpr std::int32_t kMaxLine = 1 << 28;

bool IsSane(const LineRange& range) {
  return range.first >= 1 && range.first <= kMaxLine && range.count >= 0 && range.count <= kMaxLine;
}

// One side of a collision while it grows: its hunks from `next` on are not part of it yet.
struct Side {
  explicit Side(const ChangedLines& lines) : hunks(lines.hunks()) {}

  bool HasNext() const { return next < hunks.size(); }
  const LineHunk& Next() const { return hunks[next]; }
  void Take() {
    shift = Next().after.end() - Next().before.end();
    ++next;
  }
  // The lines after the change for [first, end) before it, whose borders lie in no hunk of this
  // side.
  LineRange After(std::int32_t first, std::int32_t end, std::int32_t shift_before) const {
    return {.first = first + shift_before, .count = end + shift - first - shift_before};
  }

  const std::vector<LineHunk>& hunks;
  std::size_t next = 0;
  // How much further down lines are after the hunks that were taken.
  std::int32_t shift = 0;
};

}  // namespace

ChangedLines::ChangedLines(const std::vector<LineHunk>& hunks) {
  LineHunk last = {.before = {.first = 1, .count = 0}, .after = {.first = 1, .count = 0}};
  for (const LineHunk& hunk : hunks) {
    if (!IsSane(hunk.before) || !IsSane(hunk.after)) continue;
    if (hunk.before.count == 0 && hunk.after.count == 0) continue;
    const std::int32_t kept = hunk.before.first - last.before.end();
    // As many unchanged lines lie between two hunks before as after, and at least one: else they
    // would be one hunk.
    if (kept < (hunks_.empty() ? 0 : 1) || hunk.after.first - last.after.end() != kept) continue;
    hunks_.push_back(hunk);
    last = hunk;
  }
}

std::vector<LineHunk>::const_iterator ChangedLines::HunkAt(std::int32_t line) const {
  return std::partition_point(hunks_.begin(), hunks_.end(),
                              [line](const LineHunk& hunk) { return hunk.after.end() <= line; });
}

bool ChangedLines::IsNew(std::int32_t line) const {
  const auto hunk = HunkAt(line);
  return hunk != hunks_.end() && line >= hunk->after.first && line < hunk->after.end();
}

bool ChangedLines::IsInDiff(std::int32_t line) const {
  if (line < 1 || line > kMaxLine) return false;
  const auto hunk = HunkAt(line);
  if (hunk != hunks_.end() && line >= hunk->after.first - kContext) return true;
  return hunk != hunks_.begin() && line < std::prev(hunk)->after.end() + kContext;
}

std::int32_t ChangedLines::OldLine(std::int32_t line) const {
  if (line < 1 || line > kMaxLine || IsNew(line)) return 0;
  const auto hunk = HunkAt(line);
  if (hunk == hunks_.begin()) return line;
  const LineHunk& above = *std::prev(hunk);
  return line - above.after.end() + above.before.end();
}

std::vector<LineCollision> Collisions(const ChangedLines& ours, const ChangedLines& theirs) {
  std::vector<LineCollision> collisions;
  Side left(ours);
  Side right(theirs);
  while (left.HasNext() && right.HasNext()) {
    const bool left_first = left.Next().before.first <= right.Next().before.first;
    Side& first = left_first ? left : right;
    const Side& second = left_first ? right : left;
    if (first.Next().before.end() < second.Next().before.first) {
      first.Take();
      continue;
    }
    // Lines before the change that both sides have changed between them; each further hunk that
    // touches them belongs to the same collision.
    const std::int32_t begin = first.Next().before.first;
    const std::int32_t left_shift = left.shift;
    const std::int32_t right_shift = right.shift;
    std::int32_t end = begin;
    const auto take = [&](Side& side) {
      if (!side.HasNext() || side.Next().before.first > end) return false;
      end = std::max(end, side.Next().before.end());
      side.Take();
      return true;
    };
    while (take(left) || take(right)) {
    }
    collisions.push_back({.ours = left.After(begin, end, left_shift),
                          .theirs = right.After(begin, end, right_shift)});
  }
  return collisions;
}

}  // namespace espalier
