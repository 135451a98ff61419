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

Scheduler Knowing(const std::vector<Resource>& objects) {
  Scheduler scheduler;
  for (const Resource& object : objects) scheduler.Put(object);
  return scheduler;
}

TEST(CapacityTest, SaysHowManyWaitAndWhy) {
  std::vector<Resource> fleet;
  for (int i = 0; i < 4; ++i) fleet.push_back(MakeHost({.name = absl::StrCat("mac-", i)}));
  fleet.push_back(MakeVm({.name = "old", .host = "mac-0"}));
  fleet.push_back(MakeVm({.name = "older", .host = "mac-1"}));
  Scheduler scheduler = Knowing(fleet);
  const v1::Capacity capacity = CapacityOf(scheduler, Wishes(10, {.digest = ""}));
  EXPECT_TRUE(capacity.short_());
  EXPECT_THAT(capacity.verdicts(),
              ElementsAre("10 wanted, 6 slots: 4 wait", "4 wait: 4 hosts: 4 no free macOS slot"));
}

TEST(CapacityTest, SaysWhatHasToBePulled) {
  Scheduler scheduler =
      Knowing({MakeHost({.name = "a", .images = {"sha256:1"}}), MakeHost({.name = "b"})});
  const v1::Capacity capacity =
      CapacityOf(scheduler, Wishes(3, {.digest = "sha256:1", .bytes = 41'000'000'000}));
  EXPECT_FALSE(capacity.short_());
  EXPECT_THAT(capacity.verdicts(), ElementsAre("pulls 41 GB × 1 host"));
}

TEST(CapacityTest, IsSilentWhenNothingIsWantedOrAllFits) {
  Scheduler scheduler = Knowing({MakeHost({.name = "a"})});
  EXPECT_EQ(CapacityOf(scheduler, {}).verdicts_size(), 0);
  EXPECT_EQ(CapacityOf(scheduler, Wishes(2, {})).verdicts_size(), 0);
}

TEST(CapacityTest, LeavesNothingBooked) {
  Scheduler scheduler = Knowing({MakeHost({.name = "a"}), MakeVm({.name = "stays", .host = "a"})});
  const std::string before = scheduler.Fingerprint();
  CapacityOf(scheduler, Wishes(5, {}));
  EXPECT_EQ(scheduler.Fingerprint(), before);
}

}  // namespace
}  // namespace espalier::sched
