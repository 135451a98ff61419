#include "reconciler/windows.h"

#include <gtest/gtest.h>

#include <map>

namespace espalier {
namespace {

v1::Window Window(v1::Window::Effect effect, const std::string& start, std::uint32_t minutes,
                  const std::vector<std::string>& days = {}, const std::string& zone = "") {
  v1::Window window;
  window.set_effect(effect);
  window.set_start(start);
  window.set_minutes(minutes);
  for (const std::string& day : days) window.add_days(day);
  if (!zone.empty()) window.set_time_zone(zone);
  return window;
}

absl::Time At(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << text << error;
  return time;
}

// "open", or why it is not, and until when.
std::string Ask(const std::map<std::string, v1::Window>& windows, const std::string& now) {
  const WindowAnswer answer = WindowsAt({windows.begin(), windows.end()}, At(now));
  const std::string until =
      answer.until == absl::InfiniteFuture()
          ? "ever"
          : absl::FormatTime("%Y-%m-%dT%H:%MZ", answer.until, absl::UTCTimeZone());
  return (answer.open ? "open" : answer.why) + " until " + until;
}

constexpr v1::Window::Effect kAllow = v1::Window::ALLOW;
constexpr v1::Window::Effect kFreeze = v1::Window::FREEZE;

TEST(WindowsTest, AreOpenWithoutWindows) {
  EXPECT_EQ(Ask({}, "2026-11-21T12:00:00Z"), "open until ever");
}

TEST(WindowsTest, AllowInThemAndAtNoOtherTime) {
  const std::map<std::string, v1::Window> windows = {{"night", Window(kAllow, "22:30", 60)}};
  EXPECT_EQ(Ask(windows, "2026-11-21T22:29:59Z"), "no window is open until 2026-11-21T22:30Z");
  EXPECT_EQ(Ask(windows, "2026-11-21T22:30:00Z"), "open until 2026-11-21T23:30Z");
  EXPECT_EQ(Ask(windows, "2026-11-21T23:30:00Z"), "no window is open until 2026-11-22T22:30Z");
}

TEST(WindowsTest, GoOverMidnightFromTheDayOnWhichTheyBegin) {
  // 2026-11-20 is a Friday.
  const std::map<std::string, v1::Window> windows = {
      {"weekend", Window(kAllow, "22:00", 8 * 60, {"fri"})}};
  EXPECT_EQ(Ask(windows, "2026-11-21T03:00:00Z"), "open until 2026-11-21T06:00Z");
  EXPECT_EQ(Ask(windows, "2026-11-22T03:00:00Z"), "no window is open until 2026-11-27T22:00Z");
}

TEST(WindowsTest, FreezeWins) {
  const std::map<std::string, v1::Window> windows = {{"always", Window(kAllow, "00:00", 24 * 60)},
                                                     {"release", Window(kFreeze, "09:00", 120)}};
  EXPECT_EQ(Ask(windows, "2026-11-21T10:00:00Z"),
            "window release forbids it until 2026-11-21T11:00Z");
  EXPECT_EQ(Ask(windows, "2026-11-21T11:00:00Z"), "open until 2026-11-22T09:00Z");
}

TEST(WindowsTest, FreezeAloneLeavesEveryOtherTimeOpen) {
  const std::map<std::string, v1::Window> windows = {
      {"friday", Window(kFreeze, "12:00", 12 * 60, {"fri"})}};
  EXPECT_EQ(Ask(windows, "2026-11-21T12:00:00Z"), "open until 2026-11-27T12:00Z");
  EXPECT_EQ(Ask(windows, "2026-11-27T12:00:00Z"),
            "window friday forbids it until 2026-11-28T00:00Z");
}

TEST(WindowsTest, WindowsThatTouchAreOne) {
  const std::map<std::string, v1::Window> windows = {{"a", Window(kAllow, "10:00", 60)},
                                                     {"b", Window(kAllow, "11:00", 60)},
                                                     {"c", Window(kAllow, "11:30", 90)}};
  EXPECT_EQ(Ask(windows, "2026-11-21T10:10:00Z"), "open until 2026-11-21T13:00Z");
}

TEST(WindowsTest, AWholeWeekNeverCloses) {
  const std::map<std::string, v1::Window> windows = {
      {"always", Window(kAllow, "00:00", 7 * 24 * 60, {"mon"})}};
  EXPECT_EQ(Ask(windows, "2026-11-21T10:10:00Z"), "open until ever");
  const std::map<std::string, v1::Window> never = {{"never", Window(kFreeze, "00:00", 24 * 60)}};
  EXPECT_EQ(Ask(never, "2026-11-21T10:10:00Z"), "window never forbids it until ever");
}

TEST(WindowsTest, FollowTheClocksOfTheirTimeZone) {
  const std::map<std::string, v1::Window> windows = {
      {"night", Window(kAllow, "22:00", 60, {}, "Europe/Berlin")}};
  EXPECT_EQ(Ask(windows, "2026-07-01T19:00:00Z"), "no window is open until 2026-07-01T20:00Z");
  EXPECT_EQ(Ask(windows, "2026-12-01T19:00:00Z"), "no window is open until 2026-12-01T21:00Z");
}

// On 2026-03-29 Berlin's clocks jump from 02:00 to 03:00, at 01:00Z.
TEST(WindowsTest, BeginWithTheJumpWhereClocksJumpOverTheirStart) {
  const std::map<std::string, v1::Window> windows = {
      {"night", Window(kAllow, "02:30", 60, {}, "Europe/Berlin")}};
  EXPECT_EQ(Ask(windows, "2026-03-29T00:59:00Z"), "no window is open until 2026-03-29T01:00Z");
  EXPECT_EQ(Ask(windows, "2026-03-29T01:00:00Z"), "open until 2026-03-29T02:00Z");
  EXPECT_EQ(Ask(windows, "2026-03-30T00:00:00Z"), "no window is open until 2026-03-30T00:30Z");
}

// On 2026-10-25 they show 02:00 to 03:00 twice, from 00:00Z and from 01:00Z.
TEST(WindowsTest, BeginOnceWhereClocksShowTheirStartTwice) {
  const std::map<std::string, v1::Window> windows = {
      {"night", Window(kAllow, "02:30", 30, {}, "Europe/Berlin")}};
  EXPECT_EQ(Ask(windows, "2026-10-25T00:30:00Z"), "open until 2026-10-25T01:00Z");
  EXPECT_EQ(Ask(windows, "2026-10-25T01:30:00Z"), "no window is open until 2026-10-26T01:30Z");
}

TEST(WindowsTest, LastInRealTimeOverAChangeOfTheClocks) {
  const std::map<std::string, v1::Window> windows = {
      {"night", Window(kAllow, "22:00", 8 * 60, {}, "Europe/Berlin")}};
  EXPECT_EQ(Ask(windows, "2026-10-24T21:00:00Z"), "open until 2026-10-25T04:00Z");
}

TEST(WindowsTest, StayClosedInATimeZoneThatNobodyKnows) {
  const std::map<std::string, v1::Window> windows = {
      {"night", Window(kFreeze, "22:00", 60, {}, "Mars/Olympus")}};
  EXPECT_EQ(
      Ask(windows, "2026-10-24T21:00:00Z"),
      "window night is in time zone Mars/Olympus, which this machine does not know until ever");
}

// The answer holds until the moment that was named, and is another one from then on.
TEST(WindowsTest, NameTheNextChange) {
  const std::map<std::string, v1::Window> windows = {
      {"night", Window(kAllow, "22:00", 9 * 60, {"mon", "wed", "sat"}, "America/New_York")},
      {"day", Window(kAllow, "03:15", 45)},
      {"freeze", Window(kFreeze, "05:00", 60, {"sun"}, "Asia/Tokyo")},
      {"long", Window(kFreeze, "12:00", 3 * 24 * 60, {"thu"})}};
  const google::protobuf::Map<std::string, v1::Window> map(windows.begin(), windows.end());
  absl::Time now = At("2026-10-20T00:00:00Z");
  for (int i = 0; i < 60; ++i) {
    const WindowAnswer answer = WindowsAt(map, now);
    ASSERT_GT(answer.until, now);
    ASSERT_LT(answer.until, now + absl::Hours(24 * 8));
    for (absl::Time at = now; at < answer.until; at += absl::Minutes(5)) {
      ASSERT_EQ(WindowsAt(map, at).open, answer.open) << at;
    }
    ASSERT_EQ(WindowsAt(map, answer.until - absl::Seconds(1)).open, answer.open);
    ASSERT_NE(WindowsAt(map, answer.until).open, answer.open) << answer.until;
    now = answer.until;
  }
}

}  // namespace
}  // namespace espalier
