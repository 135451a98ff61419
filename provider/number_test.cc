#include "provider/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace espalier::provider {
namespace {

TEST(NumberTest, ReadsEveryWayOfWritingAsOneText) {
  struct {
    const char* text;
    const char* canonical;
  } const kCases[] = {
      {"0", "0"},
      {"-0", "0"},
      {"-0.0e5", "0"},
      {"007", "7"},
      {"1.50", "1.5"},
      {"0.1", "0.1"},
      {"15e-1", "1.5"},
      {"1E3", "1000"},
      {"1.25e+1", "12.5"},
      {"-3e-4", "-0.0003"},
      {"9007199254740993", "9007199254740993"},
      {"1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.text);
    const absl::StatusOr<Number> number = Number::Parse(test.text);
    ASSERT_TRUE(number.ok());
    EXPECT_EQ(number->text(), test.canonical);
  }
}

TEST(NumberTest, RefusesWhatIsNoNumber) {
  for (const char* text : {"", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "1 ", "NaN", "inf",
                           "1,5", "1e99999999999999999999", "1e2000"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(Number::Parse(text).ok());
  }
  EXPECT_FALSE(Number::Parse(std::string(5000, '9')).ok());
}

TEST(NumberTest, ReadsWhatItHasWritten) {
  const std::string most(Number::kMaxDigits, '9');
  for (const std::string& text :
       {most, "-" + most, std::string("1e1499"), std::string("-1e-1498"), std::string("0e1500")}) {
    SCOPED_TRACE(text);
    const absl::StatusOr<Number> number = Number::Parse(text);
    ASSERT_TRUE(number.ok());
    const absl::StatusOr<Number> again = Number::Parse(number->text());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, *number);
  }
  for (const char* text : {"1e1500", "-1e1500", "1e-1499", "12e1499"}) {
    EXPECT_FALSE(Number::Parse(text).ok()) << text;
  }
}

TEST(NumberTest, KeepsDoublesExactly) {
  for (const double value :
       {0.0, 1.5, -0.1, 1e300, 0x1p-30, std::numeric_limits<double>::denorm_min(),
        std::numeric_limits<double>::max()}) {
    SCOPED_TRACE(value);
    const absl::StatusOr<Number> number = Number::OfDouble(value);
    ASSERT_TRUE(number.ok());
    EXPECT_EQ(number->AsDouble(), value);
  }
  EXPECT_FALSE(Number::OfDouble(std::numeric_limits<double>::infinity()).ok());
  EXPECT_FALSE(Number::OfDouble(std::nan("")).ok());
}

TEST(NumberTest, GivesATypeOnlyWhatItHoldsExactly) {
  EXPECT_EQ(Number::Of(INT64_MIN).AsInt64(), INT64_MIN);
  EXPECT_EQ(Number::OfUnsigned(UINT64_MAX).AsUint64(), UINT64_MAX);
  EXPECT_EQ(Number::OfUnsigned(UINT64_MAX).AsInt64(), std::nullopt);
  EXPECT_EQ(Number::Of(-1).AsUint64(), std::nullopt);
  EXPECT_EQ(Number::Parse("1.5")->AsInt64(), std::nullopt);
  EXPECT_EQ(Number::Parse("0.1")->AsDouble(), std::nullopt);
}

}  // namespace
}  // namespace espalier::provider
