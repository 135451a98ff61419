#include "engine/base/semver.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace espalier {
namespace {

TEST(SemVerTest, OrdersAsTheStandardDoes) {
  // The standard's own example, and the numbers that a text compare gets wrong.
  const std::vector<std::string> ascending = {"0.0.1",
                                              "0.9.0",
                                              "0.10.0",
                                              "1.0.0-0",
                                              "1.0.0-9",
                                              "1.0.0-10",
                                              "1.0.0-99999999999999999999",
                                              "1.0.0--",
                                              "1.0.0-alpha",
                                              "1.0.0-alpha.1",
                                              "1.0.0-alpha.beta",
                                              "1.0.0-beta",
                                              "1.0.0-beta.2",
                                              "1.0.0-beta.11",
                                              "1.0.0-rc.1",
                                              "1.0.0",
                                              "1.0.1",
                                              "1.2.0",
                                              "2.0.0",
                                              "10.0.0"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      const int order = Compare(*ParseSemVer(ascending[i]), *ParseSemVer(ascending[j]));
      EXPECT_EQ(order < 0, i < j) << ascending[i] << " " << ascending[j];
      EXPECT_EQ(order == 0, i == j) << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_EQ(Compare(*ParseSemVer("1.0.0+a"), *ParseSemVer("v1.0.0+b")), 0);
}

TEST(SemVerTest, TakesOnlyVersions) {
  for (const char* text : {"0.0.0", "v1.2.3", "1.2.3-rc.1+build.05", "1.0.0-0A.-", "1.0.0+-"}) {
    EXPECT_TRUE(ParseSemVer(text).has_value()) << text;
  }
  for (const char* text : {"", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.03", "1.2.3-", "1.2.3-rc..1",
                           "1.2.3-01", "1.2.3-r_c", "1.2.3+", "1.2.3+a+b", "-1.2.3", "vv1.2.3",
                           "V1.2.3", "1.2.3 ", "1.2.x", "99999999999999999999.0.0", "1.2.3^{}"}) {
    EXPECT_FALSE(ParseSemVer(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseSemVer("1.0.0-" + std::string(300, 'a')).has_value());
}

TEST(SemVerTest, RangesContainWhatTheySay) {
  struct Row {
    const char* range;
    std::vector<std::string> in;
    std::vector<std::string> out;
  };
  const std::vector<Row> rows = {
      {"*", {"0.0.0", "9.9.9"}, {"1.0.0-rc.1"}},
      {"1.2.3", {"1.2.3", "1.2.3+b"}, {"1.2.4", "1.2.2", "1.2.3-rc.1"}},
      {"=1.2", {"1.2.0", "1.2.9"}, {"1.3.0", "1.1.9", "1.2.0-rc.1", "1.3.0-rc.1"}},
      {"1.2.x", {"1.2.7"}, {"1.3.0"}},
      {"1.*", {"1.0.0", "1.9.9"}, {"2.0.0", "2.0.0-rc.1"}},
      {">=1.2 <2", {"1.2.0", "1.99.0"}, {"2.0.0", "1.1.9", "2.0.0-rc.1", "1.5.0-rc.1"}},
      {">= 1.2, < 2", {"1.2.0"}, {"2.0.0"}},
      {">1.2", {"1.3.0"}, {"1.2.9", "1.3.0-rc.1"}},
      {">1", {"2.0.0"}, {"1.9.9"}},
      {">1.2.3", {"1.2.4"}, {"1.2.3"}},
      {"<1.2", {"1.1.9"}, {"1.2.0"}},
      {"<=1.2", {"1.2.9"}, {"1.3.0"}},
      {"<=1.2.3", {"1.2.3"}, {"1.2.4"}},
      {"~1.2.3", {"1.2.3", "1.2.9"}, {"1.3.0", "1.2.2", "1.3.0-rc.1"}},
      {"~1.2", {"1.2.0", "1.2.9"}, {"1.3.0"}},
      {"~1", {"1.0.0", "1.9.0"}, {"2.0.0"}},
      {"~0.0", {"0.0.9"}, {"0.1.0"}},
      {"^1.2.3", {"1.2.3", "1.9.0"}, {"2.0.0", "1.2.2", "2.0.0-rc.1"}},
      {"^0.2.3", {"0.2.3", "0.2.9"}, {"0.3.0"}},
      {"^0.0.3", {"0.0.3"}, {"0.0.4", "0.0.2"}},
      {"^0.0", {"0.0.9"}, {"0.1.0"}},
      {"^0", {"0.9.9"}, {"1.0.0"}},
      {">=2.0.0-rc.1",
       {"2.0.0-rc.1", "2.0.0-rc.2", "2.0.0", "3.0.0"},
       {"2.0.0-beta", "2.1.0-rc.1"}},
      {"^1.2.3-beta.2", {"1.2.3-beta.4", "1.2.3", "1.9.0"}, {"1.2.3-beta.1", "1.2.4-beta.2"}},
      {">2 <1", {}, {"0.5.0", "1.5.0", "3.0.0"}},
  };
  for (const Row& row : rows) {
    const absl::StatusOr<SemVerRange> range = SemVerRange::Parse(row.range);
    ASSERT_TRUE(range.ok()) << row.range << " " << range.status();
    for (const std::string& version : row.in) {
      EXPECT_TRUE(range->Contains(*ParseSemVer(version))) << row.range << " " << version;
    }
    for (const std::string& version : row.out) {
      EXPECT_FALSE(range->Contains(*ParseSemVer(version))) << row.range << " " << version;
    }
  }
}

TEST(SemVerTest, RefusesWhatIsNoRange) {
  for (const char* text : {"", " , ", ">=", "1.x.2", "==1", "=>1", "!1", "1 || 2", "latest",
                           "1.2.3.4", "<*", ">*", "1.02", ">=1 <", "^^1"}) {
    EXPECT_FALSE(SemVerRange::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace espalier
