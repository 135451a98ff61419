#include "engine/sched/sched.h"

#include "engine/sched/test_fleet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier::sched {
namespace {

Ref VmRef(absl::string_view name) { return {Kind::kVm, "default", std::string(name)}; }

TEST(SchedTest, NeverPutsMoreThanTwoMacosVmsOnAHostWhateverIsConfigured) {
  Scheduler scheduler;
  scheduler.Put(MakeHost({.name = "mac", .cpu = 100, .memory_mib = 1000000, .macos_slots = 9}));
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "a"})).host, "mac");
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "b"})).host, "mac");
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "c"})).why, "1 host: 1 no free macOS slot");
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "d", .os = "linux"})).host, "mac")
      << "Linux guests take no macOS slot";
}

struct SlotCase {
  const char* name;
  HostRow host;
  int fit;
};

TEST(SchedTest, CountsWhatRunsUnaskedAgainstTheSlots) {
  const SlotCase cases[] = {
      {"empty", {.name = "mac"}, 2},
      {"one slot configured", {.name = "mac", .macos_slots = 1}, 1},
      {"reported as running", {.name = "mac", .macos_running = 2}, 0},
      {"found", {.name = "mac", .found_macos = 2}, 0},
      {"found and reported are the same", {.name = "mac", .macos_running = 1, .found_macos = 1}, 1},
  };
  for (const SlotCase& c : cases) {
    Scheduler scheduler;
    scheduler.Put(MakeHost(c.host));
    int fit = 0;
    while (scheduler.Place(MakeWish({.name = absl::StrCat("vm-", fit)})).placed()) ++fit;
    EXPECT_EQ(fit, c.fit) << c.name;
  }
}

TEST(SchedTest, DoesNotCountARunningVmTwice) {
  Scheduler scheduler;
  scheduler.Put(MakeHost({.name = "mac", .macos_running = 1}));
  scheduler.Put(MakeVm({.name = "a", .host = "mac"}));
  EXPECT_EQ(scheduler.RoomOf("mac")->macos, 1);
}

TEST(SchedTest, EndingRunsKeepTheirRoomUntilTheyAreReportedEnded) {
  Scheduler scheduler;
  scheduler.Put(MakeHost({.name = "mac", .cpu = 8}));
  Resource vm = MakeVm({.name = "a"});
  v1::RetiringRun& run = *vm.mutable_vm()->mutable_status()->mutable_placement()->add_retiring();
  run.set_host("mac");
  run.set_cpu(8);
  run.set_macos(true);
  scheduler.Put(vm);
  EXPECT_EQ(scheduler.Place(WishOf(vm)).why, "1 host: 1 too few cpus free");
  EXPECT_EQ(scheduler.RoomOf("mac")->macos, 1);
  vm.mutable_vm()->mutable_status()->mutable_placement()->clear_retiring();
  scheduler.Put(vm);
  EXPECT_EQ(scheduler.Place(WishOf(vm)).host, "mac");
}

TEST(SchedTest, AVmThatEndedForGoodTakesNoRoomAndOneThatIsPoweredOffNeither) {
  Resource vm = MakeVm({.name = "a", .host = "mac"});
  v1::VmPlacement& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_phase(v1::VmPlacement::STOPPED);
  Scheduler scheduler;
  scheduler.Put(MakeHost({.name = "mac"}));
  scheduler.Put(vm);
  EXPECT_EQ(scheduler.RoomOf("mac")->macos, 1);
  placement.set_stop(true);
  scheduler.Put(vm);
  EXPECT_EQ(scheduler.RoomOf("mac")->macos, 2);
  // Powered off: only its disk stands there, and it is where the next run goes.
  placement.clear_host();
  placement.clear_stop();
  placement.set_disk_host("mac");
  scheduler.Put(vm);
  scheduler.Put(MakeHost({.name = "other"}));
  EXPECT_EQ(scheduler.RoomOf("mac")->macos, 2);
  EXPECT_EQ(scheduler.Place(WishOf(vm)).host, "mac");
}

TEST(SchedTest, SaysWhyEachHostWasNotTaken) {
  Scheduler scheduler;
  for (int i = 0; i < 6; ++i) {
    const std::string name = absl::StrCat("full-", i);
    scheduler.Put(MakeHost({.name = name, .labels = {{"zone", "a"}}}));
    scheduler.Put(MakeVm({.name = absl::StrCat("x", i), .host = name}));
    scheduler.Put(MakeVm({.name = absl::StrCat("y", i), .host = name}));
  }
  for (int i = 0; i < 3; ++i) {
    scheduler.Put(MakeHost({.name = absl::StrCat("cordoned-", i), .hold = "cordon"}));
  }
  scheduler.Put(MakeHost({.name = "elsewhere", .labels = {{"zone", "b"}}}));
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "vm", .labels = {{"zone", "a"}}})).why,
            "10 hosts: 6 no free macOS slot, 3 cordoned, 1 wrong label");
}

struct ReasonCase {
  HostRow host;
  VmRow vm;
  const char* why;
};

TEST(SchedTest, NamesEveryReason) {
  const ReasonCase cases[] = {
      {{.name = "h", .hold = "deleting"}, {.name = "vm"}, "1 host: 1 being deleted"},
      {{.name = "h", .hold = "drain"}, {.name = "vm"}, "1 host: 1 draining"},
      {{.name = "h", .hold = "cordon"}, {.name = "vm"}, "1 host: 1 cordoned"},
      {{.name = "h", .ready = false}, {.name = "vm"}, "1 host: 1 silent"},
      {{.name = "h", .os = "linux"}, {.name = "vm"}, "1 host: 1 wrong system"},
      {{.name = "h"}, {.name = "vm", .arch = "amd64"}, "1 host: 1 wrong system"},
      {{.name = "h"}, {.name = "vm", .labels = {{"a", "b"}}}, "1 host: 1 wrong label"},
      {{.name = "h", .cpu = 2}, {.name = "vm"}, "1 host: 1 too small"},
      {{.name = "h", .macos_slots = 0}, {.name = "vm"}, "1 host: 1 too small"},
      {{.name = "h", .macos_running = 2}, {.name = "vm"}, "1 host: 1 no free macOS slot"},
      {{.name = "h"}, {.name = "vm", .pinned = "other"}, "host other is not there"},
      {{.name = "h", .hold = "drain"}, {.name = "vm", .pinned = "h"}, "host h: draining"},
  };
  for (const ReasonCase& c : cases) {
    Scheduler scheduler;
    scheduler.Put(MakeHost(c.host));
    EXPECT_EQ(scheduler.Place(MakeWish(c.vm)).why, c.why);
  }
  EXPECT_EQ(Scheduler().Place(MakeWish({.name = "vm"})).why, "no hosts");
}

TEST(SchedTest, SaysWhichResourceIsShort) {
  Scheduler scheduler;
  scheduler.Put(MakeHost({.name = "h", .cpu = 8, .memory_mib = 16384}));
  scheduler.Put(MakeVm({.name = "a", .cpu = 6, .memory_mib = 1024, .host = "h"}));
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "b", .cpu = 4})).why, "1 host: 1 too few cpus free");
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "b", .cpu = 1, .memory_mib = 16384})).why,
            "1 host: 1 too little memory free");
}

TEST(SchedTest, PrefersLabelsThenTheImageThenTheStrategy) {
  const auto fleet = [](Scheduler& scheduler) {
    scheduler.Put(MakeHost({.name = "bare"}));
    scheduler.Put(MakeHost({.name = "has-image", .images = {"sha256:1"}}));
    scheduler.Put(MakeHost({.name = "pulls-image", .pulling = {"sha256:1"}}));
    scheduler.Put(MakeHost({.name = "liked", .labels = {{"disk", "fast"}}}));
    scheduler.Put(MakeHost({.name = "busy"}));
    scheduler.Put(MakeVm({.name = "old", .cpu = 1, .os = "linux", .host = "busy"}));
  };
  const VmRow plain = {.name = "vm", .digest = "sha256:1", .bytes = 40};
  Scheduler scheduler;
  fleet(scheduler);
  const Decision on_image = scheduler.Place(MakeWish(plain));
  EXPECT_EQ(on_image.host, "has-image");
  EXPECT_EQ(on_image.missing_bytes, 0);
  scheduler.Remove({Kind::kHost, "", "has-image"});
  const Decision on_pulling = scheduler.Place(MakeWish(plain));
  EXPECT_EQ(on_pulling.host, "pulls-image");
  EXPECT_EQ(on_pulling.missing_bytes, 40);

  VmRow choosy = plain;
  choosy.preferred = {{"disk", "fast"}, {"colour", "red"}};
  EXPECT_EQ(scheduler.Place(MakeWish(choosy)).host, "liked");

  VmRow other = plain;
  other.digest = "sha256:2";
  Scheduler spread(v1::ClusterSpec::SPREAD);
  fleet(spread);
  EXPECT_NE(spread.Place(MakeWish(other)).host, "busy");
  Scheduler pack(v1::ClusterSpec::PACK);
  fleet(pack);
  EXPECT_EQ(pack.Place(MakeWish(other)).host, "busy");
}

TEST(SchedTest, SpreadsOverAllHostsBeforeItDoublesUp) {
  Scheduler scheduler;
  for (int i = 0; i < 100; ++i) scheduler.Put(MakeHost({.name = absl::StrCat("h", i)}));
  for (int i = 0; i < 100; ++i) {
    const Decision decision = scheduler.Place(MakeWish({.name = absl::StrCat("vm", i)}));
    ASSERT_EQ(scheduler.RoomOf(decision.host)->macos, 1);
  }
  for (int i = 100; i < 200; ++i) {
    ASSERT_TRUE(scheduler.Place(MakeWish({.name = absl::StrCat("vm", i)})).placed());
  }
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "one-more"})).why,
            "100 hosts: 100 no free macOS slot");
}

TEST(SchedTest, PlacingAgainMovesTheBooking) {
  Scheduler scheduler;
  scheduler.Put(MakeHost({.name = "a"}));
  scheduler.Put(MakeHost({.name = "b"}));
  const std::string first = scheduler.Place(MakeWish({.name = "vm", .pinned = "a"})).host;
  EXPECT_EQ(first, "a");
  EXPECT_EQ(scheduler.Place(MakeWish({.name = "vm", .pinned = "b"})).host, "b");
  EXPECT_EQ(scheduler.RoomOf("a")->macos, 2);
  scheduler.Remove(VmRef("vm"));
  EXPECT_EQ(scheduler.RoomOf("b")->macos, 2);
}

TEST(SchedTest, FollowsLabelsThatChange) {
  Scheduler scheduler;
  scheduler.Put(MakeHost({.name = "h"}));
  const VmRow vm = {.name = "vm", .labels = {{"team", "ios"}}};
  EXPECT_FALSE(scheduler.Place(MakeWish(vm)).placed());
  scheduler.Put(MakeHost({.name = "h", .labels = {{"team", "ios"}}}));
  EXPECT_TRUE(scheduler.Place(MakeWish(vm)).placed());
  scheduler.Put(MakeHost({.name = "h", .labels = {{"team", "web"}}}));
  EXPECT_EQ(scheduler.Place(MakeWish(vm)).why, "1 host: 1 wrong label");
}

TEST(SchedTest, RemembersWhatIsPlacedOnAHostThatComesLater) {
  Scheduler scheduler;
  scheduler.Put(MakeVm({.name = "a", .host = "h"}));
  EXPECT_EQ(scheduler.RoomOf("h"), nullptr);
  scheduler.Put(MakeHost({.name = "h"}));
  EXPECT_EQ(scheduler.RoomOf("h")->macos, 1);
}

}  // namespace
}  // namespace espalier::sched
