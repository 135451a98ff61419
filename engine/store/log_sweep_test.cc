#include "engine/store/log_sweep.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace espalier {
namespace {

std::string Gaps(LogSweep sweep) {
  std::string text;
  while (!sweep.done()) {
    absl::StrAppend(&text, "[", sweep.gap().first, ",", sweep.gap().end, ")");
    sweep.Advance();
  }
  return text;
}

TEST(SweepTest, GoesUpwardsBetweenWhatIsKept) {
  const struct {
    std::string name;
    std::vector<std::int64_t> keep;
    std::int64_t end;
    std::string gaps;
  } rows[] = {
      {.name = "nothing kept", .keep = {}, .end = 10, .gaps = "[0,10)"},
      {.name = "nothing to do", .keep = {}, .end = 0, .gaps = ""},
      {.name = "in any order", .keep = {7, 3}, .end = 10, .gaps = "[0,3)[4,7)[8,10)"},
      {.name = "neighbours", .keep = {3, 4, 5}, .end = 10, .gaps = "[0,3)[6,10)"},
      {.name = "at both ends", .keep = {0, 9}, .end = 10, .gaps = "[1,9)"},
      {.name = "all kept", .keep = {0, 1, 2}, .end = 3, .gaps = ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Gaps(LogSweep(row.keep, row.end)), row.gaps) << row.name;
  }
}

}  // namespace
}  // namespace espalier
