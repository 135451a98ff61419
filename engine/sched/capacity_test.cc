#include "engine/sched/test_fleet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier::sched {
namespace {

using ::testing::ElementsAre;

std::vector<Wish> Wishes(int count, const VmRow& like) {
  std::vector<Wish> wishes;
  for (int i = 0; i < count; ++i) {
    VmRow row = like;
    row.name = absl::StrCat("vm-", i);
    wishes.push_back(MakeWish(row));
  }
  return wishes;
}

TEST(CapacityTest, SaysHowManyWaitAndWhy) {
  std::vector<Resource> hosts;
  for (int i = 0; i < 4; ++i) hosts.push_back(MakeHost({.name = absl::StrCat("mac-", i)}));
  const Resource standing = MakeVm({.name = "old", .host = "mac-0"});
  const Resource standing2 = MakeVm({.name = "older", .host = "mac-1"});
  const v1::Capacity capacity = CapacityOf({&hosts[0], &hosts[1], &hosts[2], &hosts[3]},
                                           {&standing, &standing2}, Wishes(10, {.digest = ""}));
  EXPECT_TRUE(capacity.short_());
  EXPECT_THAT(capacity.verdicts(),
              ElementsAre("10 wanted, 6 slots: 4 wait", "4 wait: 4 hosts: 4 no free slot"));
}

TEST(CapacityTest, SaysWhatHasToBePulled) {
  const Resource has = MakeHost({.name = "a", .images = {"sha256:1"}});
  const Resource misses = MakeHost({.name = "b"});
  const v1::Capacity capacity =
      CapacityOf({&has, &misses}, {}, Wishes(3, {.digest = "sha256:1", .bytes = 41'000'000'000}));
  EXPECT_FALSE(capacity.short_());
  EXPECT_THAT(capacity.verdicts(), ElementsAre("pulls 41 GB × 1 host"));
}

TEST(CapacityTest, IsSilentWhenNothingIsWantedOrAllFits) {
  const Resource host = MakeHost({.name = "a"});
  EXPECT_EQ(CapacityOf({&host}, {}, {}).verdicts_size(), 0);
  EXPECT_EQ(CapacityOf({&host}, {}, Wishes(2, {})).verdicts_size(), 0);
}

}  // namespace
}  // namespace espalier::sched
