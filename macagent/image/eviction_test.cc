#include "macagent/image/eviction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

absl::Time At(int seconds) { return absl::FromUnixSeconds(seconds); }

const std::vector<Candidate> kImages = {
    {"cached-new", Need::kCached, 10, At(9)}, {"none-new", Need::kNone, 10, At(8)},
    {"none-old", Need::kNone, 10, At(1)},     {"cached-old", Need::kCached, 10, At(2)},
    {"pinned", Need::kPinned, 10, At(0)},     {"run", Need::kRun, 10, At(0)},
};

TEST(EvictionTest, TheLeastNeededGoesFirstThenTheOldest) {
  EXPECT_THAT(ChooseVictims(kImages, Need::kRun, 25),
              Optional(ElementsAre("none-old", "none-new", "cached-old")));
}

TEST(EvictionTest, NothingGoesWithoutNeed) {
  EXPECT_THAT(ChooseVictims(kImages, Need::kRun, 0), Optional(ElementsAre()));
  EXPECT_THAT(ChooseVictims(kImages, Need::kRun, -5), Optional(ElementsAre()));
}

TEST(EvictionTest, EqualNeedsNeverPushEachOtherOut) {
  EXPECT_THAT(ChooseVictims(kImages, Need::kCached, 20),
              Optional(ElementsAre("none-old", "none-new")));
  EXPECT_EQ(ChooseVictims(kImages, Need::kCached, 21), std::nullopt);
}

TEST(EvictionTest, PinnedAndUsedImagesStayWhateverComes) {
  EXPECT_EQ(ChooseVictims(kImages, Need::kRun, 41), std::nullopt);
  EXPECT_THAT(ChooseVictims(kImages, Need::kPinned, 40),
              Optional(ElementsAre("none-old", "none-new", "cached-old", "cached-new")));
}

}  // namespace
}  // namespace espalier::agent
