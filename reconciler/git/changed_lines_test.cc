#include "reconciler/git/changed_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

LineHunk Hunk(std::int32_t old_first, std::int32_t old_count, std::int32_t first,
              std::int32_t count) {
  return {.before = {.first = old_first, .count = old_count},
          .after = {.first = first, .count = count}};
}

TEST(ChangedLinesTest, KnowsWhichLineWasWhichBefore) {
  // Lines 5 and 6 became 5, 6 and 7; line 20 went away; a line came behind line 30.
  const ChangedLines lines({Hunk(5, 2, 5, 3), Hunk(20, 1, 21, 0), Hunk(31, 0, 31, 1)});
  ASSERT_THAT(lines.hunks(), SizeIs(3));
  EXPECT_EQ(lines.OldLine(1), 1);
  EXPECT_EQ(lines.OldLine(4), 4);
  for (const std::int32_t line : {5, 6, 7}) {
    EXPECT_TRUE(lines.IsNew(line)) << line;
    EXPECT_EQ(lines.OldLine(line), 0) << line;
  }
  EXPECT_FALSE(lines.IsNew(8));
  EXPECT_EQ(lines.OldLine(8), 7);
  EXPECT_EQ(lines.OldLine(20), 19);
  EXPECT_EQ(lines.OldLine(21), 21) << "line 20 is gone";
  EXPECT_EQ(lines.OldLine(30), 30);
  EXPECT_TRUE(lines.IsNew(31));
  EXPECT_EQ(lines.OldLine(32), 31);
  EXPECT_EQ(lines.OldLine(0), 0);
  EXPECT_EQ(lines.OldLine(-5), 0);
}

TEST(ChangedLinesTest, E11KnowsWhichLinesArePartOfTheDiff) {
  const ChangedLines lines({Hunk(10, 1, 10, 1), Hunk(30, 2, 30, 0)});
  std::vector<std::int32_t> shown;
  for (std::int32_t line = -1; line < 50; ++line) {
    if (lines.IsInDiff(line)) shown.push_back(line);
  }
  // Three lines of context above and below; of deleted lines only the context is left.
  EXPECT_THAT(shown, ElementsAre(7, 8, 9, 10, 11, 12, 13, 27, 28, 29, 30, 31, 32));
}

TEST(ChangedLinesTest, ShowsNothingOfAFileThatDidNotChange) {
  const ChangedLines lines;
  EXPECT_FALSE(lines.IsInDiff(1));
  EXPECT_FALSE(lines.IsNew(1));
  EXPECT_EQ(lines.OldLine(7), 7);
}

TEST(ChangedLinesTest, LeavesOutWhatNoDiffWouldSay) {
  EXPECT_THAT(ChangedLines({Hunk(1, 0, 1, 0)}).hunks(), IsEmpty()) << "nothing by nothing";
  EXPECT_THAT(ChangedLines({Hunk(0, 1, 1, 1)}).hunks(), IsEmpty());
  EXPECT_THAT(ChangedLines({Hunk(1, -1, 1, 1)}).hunks(), IsEmpty());
  EXPECT_THAT(ChangedLines({Hunk(1, 1, 2147483647, 1)}).hunks(), IsEmpty());
  EXPECT_THAT(ChangedLines({Hunk(5, 1, 7, 1)}).hunks(), IsEmpty())
      << "two lines more above it, which no hunk brought";
  EXPECT_THAT(ChangedLines({Hunk(5, 2, 5, 2), Hunk(4, 1, 4, 1)}).hunks(),
              ElementsAre(Hunk(5, 2, 5, 2)))
      << "out of order";
}

struct Meeting {
  const char* name;
  std::vector<LineHunk> ours;
  std::vector<LineHunk> theirs;
  std::vector<LineCollision> want;
};

TEST(CollisionsTest, AreWhereBothSidesTouchTheSameOrNeighbouringLines) {
  const Meeting cases[] = {
      {"Apart", {Hunk(1, 1, 1, 1)}, {Hunk(3, 1, 3, 1)}, {}},
      {"SameLine",
       {Hunk(5, 1, 5, 2)},
       {Hunk(5, 1, 5, 3)},
       {{.ours = {.first = 5, .count = 2}, .theirs = {.first = 5, .count = 3}}}},
      {"Neighbours",
       {Hunk(5, 1, 5, 1)},
       {Hunk(6, 1, 6, 1)},
       {{.ours = {.first = 5, .count = 2}, .theirs = {.first = 5, .count = 2}}}},
      {"DeletedHereChangedThere",
       {Hunk(5, 3, 5, 0)},
       {Hunk(6, 1, 6, 1)},
       {{.ours = {.first = 5, .count = 0}, .theirs = {.first = 5, .count = 3}}}},
      {"ShiftedByWhatIsAbove",
       {Hunk(1, 0, 1, 10), Hunk(20, 1, 30, 1)},
       {Hunk(10, 2, 10, 0), Hunk(20, 1, 18, 1)},
       {{.ours = {.first = 30, .count = 1}, .theirs = {.first = 18, .count = 1}}}},
      {"OneOfThemBridgesTwo",
       {Hunk(10, 1, 10, 1), Hunk(14, 1, 14, 3)},
       {Hunk(9, 6, 9, 1)},
       {{.ours = {.first = 9, .count = 8}, .theirs = {.first = 9, .count = 1}}}},
      {"BothAdded",
       {Hunk(1, 0, 1, 4)},
       {Hunk(1, 0, 1, 7)},
       {{.ours = {.first = 1, .count = 4}, .theirs = {.first = 1, .count = 7}}}},
      {"OnlyOneSide", {Hunk(1, 1, 1, 1), Hunk(9, 1, 9, 1)}, {}, {}},
  };
  for (const Meeting& meeting : cases) {
    SCOPED_TRACE(meeting.name);
    const std::vector<LineCollision> found =
        Collisions(ChangedLines(meeting.ours), ChangedLines(meeting.theirs));
    ASSERT_EQ(found.size(), meeting.want.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].ours, meeting.want[i].ours);
      EXPECT_EQ(found[i].theirs, meeting.want[i].theirs);
    }
    const std::vector<LineCollision> other_way =
        Collisions(ChangedLines(meeting.theirs), ChangedLines(meeting.ours));
    ASSERT_EQ(other_way.size(), meeting.want.size());
    for (std::size_t i = 0; i < other_way.size(); ++i) {
      EXPECT_EQ(other_way[i].ours, meeting.want[i].theirs);
      EXPECT_EQ(other_way[i].theirs, meeting.want[i].ours);
    }
  }
}

}  // namespace
}  // namespace espalier
