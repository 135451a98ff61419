#include "engine/base/random.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(RandomTest, SameSeedSameNumbers) {
  Random a(7);
  Random b(7);
  Random c(8);
  const std::uint64_t first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, c.Next());
}

TEST(RandomTest, BelowReachesEveryValueAndNoOther) {
  Random random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Below(5));
  EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(RandomTest, ChanceKeepsItsEnds) {
  Random random(1);
  int hits = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(random.Chance(0));
    EXPECT_TRUE(random.Chance(1));
    hits += random.Chance(0.5);
  }
  EXPECT_GT(hits, 400);
  EXPECT_LT(hits, 600);
}

TEST(RandomTest, JitterStaysWithinItsPart) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration d = random.Jitter(absl::Seconds(10), 0.1);
    ASSERT_GE(d, absl::Seconds(9));
    ASSERT_LE(d, absl::Seconds(11));
  }
}

TEST(RandomTest, SuffixesAreNamesAndUidsAreHex) {
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(random.Suffix(5), testing::MatchesRegex("[a-z][a-z0-9]{4}"));
    EXPECT_THAT(random.Uid(), testing::MatchesRegex("[0-9a-f]{32}"));
  }
  EXPECT_NE(random.Uid(), random.Uid());
}

TEST(RandomTest, TokensAreLongAndNeverTheSame) {
  EXPECT_THAT(SecureToken(), testing::MatchesRegex("[0-9a-f]{64}"));
  EXPECT_NE(SecureToken(), SecureToken());
  EXPECT_NE(Random::FromMachine()->Next(), Random::FromMachine()->Next());
}

}  // namespace
}  // namespace espalier
