#include "reconciler/review/last_seen.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(LastSeenTest, ForgetsTheOldest) {
  LastSeen seen(2);
  EXPECT_TRUE(seen.Add("a"));
  EXPECT_FALSE(seen.Add("a"));
  EXPECT_TRUE(seen.Add("b"));
  EXPECT_TRUE(seen.Add("c"));
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_FALSE(seen.Add("b"));
  EXPECT_TRUE(seen.Add("a"));
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace espalier
