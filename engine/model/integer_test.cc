#include "engine/model/integer.h"

#include <limits>

#include "gtest/gtest.h"

namespace espalier {
namespace {

TEST(IntegerTest, ReadsWholeNumbersExactly) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"0", 0},
      {"-0", 0},
      {"12", 12},
      {"+7", 7},
      {"-3", -3},
      {"4.0", 4},
      {"4.000", 4},
      {"1e3", 1000},
      {"1E+3", 1000},
      {"1.5e1", 15},
      {"1200e-2", 12},
      {"0.0", 0},
      {"0e999999", 0},
      {"0x1f", 31},
      {"0o17", 15},
      {"-0x10", -16},
      // One more than what a double can tell apart.
      {"9007199254740993", 9007199254740993},
      {"9007199254740993.0", 9007199254740993},
      {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
      {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()}};
  for (const auto& [text, value] : cases) EXPECT_EQ(ParseInteger(text), value) << text;
}

TEST(IntegerTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           "-",
                           "+",
                           ".",
                           "e",
                           "1.5",
                           "15e-1",
                           "0.1",
                           "1e-1",
                           "1e30",
                           "1e999999999999999999999",
                           "9223372036854775808",
                           "-9223372036854775809",
                           "0x",
                           "0xg",
                           "0o8",
                           "--1",
                           "+-1",
                           "-+1",
                           "0x-1",
                           " 1",
                           "1 ",
                           "1_000",
                           "one",
                           "nan",
                           ".inf",
                           "1e",
                           "1e5.5"}) {
    EXPECT_EQ(ParseInteger(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace espalier
