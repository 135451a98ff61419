// Arithmetic on hunks: of three texts (between bytes FF) the true differences, which must say of
// every line what the texts say, and of any bytes hunks that no diff would contain.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"
#include "reconciler/git/changed_lines.h"
#include "reconciler/git/tree_diff.h"

namespace {

using espalier::ChangedLines;
using espalier::LineCollision;
using espalier::LineRange;
using Lines = std::vector<absl::string_view>;

// Each with its end: a last line without one is another line.
Lines LinesOf(absl::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end == absl::string_view::npos ? end : end + 1));
    text.remove_prefix(lines.back().size());
  }
  return lines;
}

void CheckLines(const Lines& before, const Lines& after, const ChangedLines& change) {
  std::int32_t last = 0;
  std::size_t kept = 0;
  for (std::int32_t line = 1; line <= static_cast<std::int32_t>(after.size()); ++line) {
    const std::int32_t old = change.OldLine(line);
    ESPALIER_CHECK((old == 0) == change.IsNew(line));
    if (old == 0) {
      ESPALIER_CHECK(change.IsInDiff(line));
      continue;
    }
    ESPALIER_CHECK(old > last && old <= static_cast<std::int32_t>(before.size()));
    ESPALIER_CHECK(before[static_cast<std::size_t>(old) - 1] ==
                   after[static_cast<std::size_t>(line) - 1]);
    last = old;
    ++kept;
  }
  std::size_t removed = 0;
  for (const auto& hunk : change.hunks()) removed += static_cast<std::size_t>(hunk.before.count);
  ESPALIER_CHECK(kept + removed == before.size());
}

void CheckRange(const LineRange& range, std::int32_t from) {
  ESPALIER_CHECK(range.first >= from && range.count >= 0);
}

void CheckCollisions(const ChangedLines& ours, const ChangedLines& theirs) {
  LineCollision last = {.ours = {.first = 1, .count = 0}, .theirs = {.first = 1, .count = 0}};
  for (const LineCollision& collision : espalier::Collisions(ours, theirs)) {
    CheckRange(collision.ours, last.ours.end());
    CheckRange(collision.theirs, last.theirs.end());
    last = collision;
  }
}

bool IsBinary(absl::string_view text) { return text.find('\0') != absl::string_view::npos; }

std::vector<espalier::LineHunk> AnyHunks(const std::uint8_t* data, std::size_t size) {
  std::vector<espalier::LineHunk> hunks;
  std::int32_t numbers[4];
  for (; size >= sizeof numbers; data += sizeof numbers, size -= sizeof numbers) {
    std::memcpy(numbers, data, sizeof numbers);
    hunks.push_back({.before = {.first = numbers[0], .count = numbers[1]},
                     .after = {.first = numbers[2], .count = numbers[3]}});
  }
  return hunks;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const espalier::GitLibrary library;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<absl::string_view> texts = absl::StrSplit(text, '\xFF');
  if (texts.size() == 3 && !IsBinary(text)) {
    const auto ours = espalier::DiffLines(texts[0], texts[1]);
    const auto theirs = espalier::DiffLines(texts[0], texts[2]);
    ESPALIER_CHECK(ours.ok() && theirs.ok());
    CheckLines(LinesOf(texts[0]), LinesOf(texts[1]), *ours);
    CheckLines(LinesOf(texts[0]), LinesOf(texts[2]), *theirs);
    CheckCollisions(*ours, *theirs);
  }
  const ChangedLines one(AnyHunks(data, size / 2));
  const ChangedLines other(AnyHunks(data + size / 2, size - size / 2));
  CheckCollisions(one, other);
  for (const std::int32_t line : {INT32_MIN, -1, 0, 1, 100, INT32_MAX}) {
    ESPALIER_CHECK(one.OldLine(line) >= 0);
    ESPALIER_CHECK(!one.IsNew(line) || one.IsInDiff(line));
  }
  return 0;
}
