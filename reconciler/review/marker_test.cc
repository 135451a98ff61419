#include "reconciler/review/marker.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(MarkerTest, IsFoundAgain) {
  const Marker marker = {.key = "plan/fleet", .commit = "4f2a", .digest = "91bc", .revision = 17};
  const std::optional<Marker> found = ParseMarker(MarkerLine(marker) + "\r\n### Plan\n");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->key, "plan/fleet");
  EXPECT_EQ(found->commit, "4f2a");
  EXPECT_EQ(found->digest, "91bc");
  EXPECT_EQ(found->revision, 17);
}

TEST(MarkerTest, StandsInTheFirstLineOnly) {
  EXPECT_FALSE(ParseMarker("hello\n" + MarkerLine({.key = "plan/fleet"})).has_value());
  EXPECT_FALSE(ParseMarker("> " + MarkerLine({.key = "plan/fleet"})).has_value());
}

TEST(MarkerTest, IsNothingElse) {
  for (const char* text :
       {"", "<!-- espalier:v1", "<!-- espalier:v1  -->", "<!-- espalier:v1 commit=a -->",
        "<!-- espalier:v2 key=a -->", "<!-- espalier:v1 key=a<b -->",
        "<!-- espalier:v1 key=a revision=many -->"}) {
    EXPECT_FALSE(ParseMarker(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseMarker("<!-- espalier:v1 key=" + std::string(1000, 'a') + " -->").has_value());
}

}  // namespace
}  // namespace espalier
