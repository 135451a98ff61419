#include "provider/log.h"

#include <gtest/gtest.h>

namespace espalier::provider {
namespace {

TEST(CoreLogTest, WritesLinesInCoresShape) {
  const absl::Time now = absl::FromUnixMicros(1700000000123456);
  EXPECT_EQ(
      CoreLogLine(now, LogLevel::kWarn, "slow", {{"tf_rpc", "ReadResource"}, {"n", 7}}),
      "{\"@level\":\"warn\",\"@message\":\"slow\",\"@module\":\"espalier\","
      "\"@timestamp\":\"2023-11-14T22:13:20.123456Z\",\"tf_rpc\":\"ReadResource\",\"n\":\"7\"}\n");
}

TEST(CoreLogTest, NeverBreaksALineOrAReservedKey) {
  const std::string line = CoreLogLine(absl::UnixEpoch(), LogLevel::kInfo, "a\"b\\c\nd\x01",
                                       {{"@level", "x"}, {"v", "\xff\xfe"}});
  EXPECT_NE(line.find("\"@message\":\"a\\\"b\\\\c\\nd\\u0001\""), std::string::npos) << line;
  EXPECT_EQ(line.find("\"x\""), std::string::npos) << line;
  EXPECT_NE(line.find("\"v\":\"\xef\xbf\xbd\xef\xbf\xbd\""), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(CoreLogTest, TakesTheLevelOfTheMostSpecificVariable) {
  EXPECT_EQ(ParseCoreLevel({"", ""}), CoreLevel::kOff);
  EXPECT_EQ(ParseCoreLevel({"", "", "WARN"}), CoreLevel::kWarn);
  EXPECT_EQ(ParseCoreLevel({"off", "DEBUG", "TRACE"}), CoreLevel::kOff);
  EXPECT_EQ(ParseCoreLevel({"", "json"}), CoreLevel::kTrace);
}

}  // namespace
}  // namespace espalier::provider
