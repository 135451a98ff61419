#include "engine/base/log.h"

#include <algorithm>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Logged(absl::string_view level, const std::function<void(Log&)>& write) {
  const auto log = MakeStderrLog(level);
  testing::internal::CaptureStderr();
  write(*log);
  return testing::internal::GetCapturedStderr();
}

TEST(LogTest, WritesOneLineWithFields) {
  const std::string line = Logged(
      "info", [](Log& log) { log.Info("host registered", {{"host", "mac-01"}, {"attempt", 3}}); });
  EXPECT_THAT(line, EndsWith(" host registered host=mac-01 attempt=3\n"));
}

TEST(LogTest, NoValueCanForgeALine) {
  const std::string line = Logged("info", [](Log& log) {
    log.Warn("odd name", {{"path", "a\nb \"c\" \x1b[31m"}, {"reason", ""}, {"error", "k=v"}});
  });
  EXPECT_THAT(line, HasSubstr(R"(path="a\nb \"c\" \e[31m" reason="" error="k=v")"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(LogTest, OtherControlCharactersAreEscapedToo) {
  const std::string line = Logged(
      "info", [](Log& log) { log.Warn("odd", {{"path", absl::string_view("a\0\x07\x7f", 4)}}); });
  EXPECT_THAT(line, HasSubstr(R"(path="a\x00\x07\x7f")"));
}

TEST(LogTest, SaysNothingBelowItsLevel) {
  EXPECT_EQ(Logged("warn", [](Log& log) { log.Info("quiet"); }), "");
  EXPECT_THAT(Logged("debug", [](Log& log) { log.Debug("loud"); }), HasSubstr("loud"));
  EXPECT_FALSE(MakeNullLog()->Enabled(LogLevel::kError));
}

}  // namespace
}  // namespace espalier
