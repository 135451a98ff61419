#include "provider/log.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/model/codec.h"

namespace espalier::provider {
namespace {

// Any bytes, among them often those that mean something to core or to JSON.
std::string AnyText(Random& random) {
  static constexpr absl::string_view kPieces[] = {"@level",
                                                  "@message",
                                                  "@timestamp",
                                                  "@module",
                                                  "\"",
                                                  "\\",
                                                  "\n",
                                                  "\r",
                                                  "{",
                                                  "}",
                                                  "[",
                                                  ":",
                                                  ",",
                                                  "null",
                                                  "7",
                                                  "panic: ",
                                                  "[WARN]",
                                                  "fatal error:",
                                                  "2023-11-14T22:13:20Z",
                                                  "\xff",
                                                  "é"};
  std::string text;
  for (std::uint64_t left = random.Below(6); left > 0; --left) {
    if (random.Chance(0.5)) {
      absl::StrAppend(&text, kPieces[random.Below(std::size(kPieces))]);
    } else {
      text += static_cast<char>(random.Below(256));
    }
  }
  return text;
}

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

TEST(CoreLogTest, NoArgumentsBreakALineOrAReservedKey) {
  constexpr int kLines = 20000;
  Random random(7);
  for (int i = 0; i < kLines; ++i) {
    const auto level = static_cast<LogLevel>(random.Below(4));
    const std::string message = AnyText(random);
    const std::string name = AnyText(random), value = AnyText(random);
    // The reader refuses a key that is there twice: what it lets through is each key's only value.
    const std::string line =
        CoreLogLine(absl::FromUnixMicros(static_cast<std::int64_t>(random.Below(1ULL << 52))),
                    level, message, {{name, value}, {absl::StrCat(name, "2"), i}});
    SCOPED_TRACE(line);
    ASSERT_EQ(line.find('\n'), line.size() - 1);
    ASSERT_EQ(line.front(), '{');
    Problems problems;
    const std::optional<Node> read = ParseJson(line, "", problems);
    ASSERT_TRUE(read.has_value());
    for (const auto& [key, entry] : read->entries) {
      ASSERT_EQ(entry.type, Node::Type::kString) << key;
    }
    ASSERT_NE(read->Find("@message"), nullptr);
    ASSERT_EQ(read->Find("@module")->text, "espalier");
    static constexpr absl::string_view kLevels[] = {"debug", "info", "warn", "error"};
    ASSERT_EQ(read->Find("@level")->text, kLevels[static_cast<int>(level)]);
    std::string error;
    absl::Time time;
    const std::string& timestamp = read->Find("@timestamp")->text;
    ASSERT_EQ(timestamp.size(), absl::string_view("2006-01-02T15:04:05.000000Z").size());
    ASSERT_TRUE(absl::ParseTime("%Y-%m-%dT%H:%M:%E6SZ", timestamp, &time, &error)) << error;
  }
}

TEST(CoreLogTest, TakesTheLevelOfTheMostSpecificVariable) {
  EXPECT_EQ(ParseCoreLevel({"", ""}), CoreLevel::kOff);
  EXPECT_EQ(ParseCoreLevel({"", "", "WARN"}), CoreLevel::kWarn);
  EXPECT_EQ(ParseCoreLevel({"off", "DEBUG", "TRACE"}), CoreLevel::kOff);
  EXPECT_EQ(ParseCoreLevel({"", "json"}), CoreLevel::kTrace);
}

}  // namespace
}  // namespace espalier::provider
