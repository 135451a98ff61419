// VMs through their lives, with the real engine below and agents that the test plays.
#include "engine/control/vm_controller.h"

#include "engine/control/test_world.h"
#include "gmock/gmock.h"

namespace espalier::control {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using P = v1::VmPlacement;

class VmControllerTest : public testing::Test, public TestWorld {};

TEST_F(VmControllerTest, AVmIsPlacedStartedAndRuns) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  EXPECT_EQ(Phase("build"), P::STARTING);
  EXPECT_EQ(Placement("build").host(), "mac-01");
  EXPECT_EQ(Placement("build").attempt(), 1);
  EXPECT_EQ(Placement("build").image_digest(), Digest('a'));
  EXPECT_EQ(Placement("build").image_reference(),
            absl::StrCat("registry.example/sonoma:1@", Digest('a')));
  EXPECT_EQ(Placement("build").image_os(), "darwin");
  EXPECT_EQ(Placement("build").why(), "waits for mac-01 to take it up");
  EXPECT_TRUE(Report("build", v1::VmObserved::PULLING).ok());
  EXPECT_EQ(Placement("build").why(), "mac-01 pulls its image");
  EXPECT_TRUE(Report("build", v1::VmObserved::RUNNING).ok());
  EXPECT_EQ(Phase("build"), P::RUNNING);
  EXPECT_EQ(Placement("build").why(), "");
  EXPECT_EQ(Placement("build").observed_generation(), 1);
}

TEST_F(VmControllerTest, WhatDoesNotFitWaitsAndSaysWhy) {
  AddImages();
  Apply(VmNamed("early"));
  EXPECT_EQ(Phase("early"), P::PENDING);
  EXPECT_EQ(Placement("early").why(), "no hosts");
  AddHost("mac-01");
  EXPECT_EQ(Phase("early"), P::STARTING);
  Apply(VmNamed("second"));
  Apply(VmNamed("third"));
  EXPECT_EQ(Phase("second"), P::STARTING);
  EXPECT_EQ(Phase("third"), P::PENDING);
  EXPECT_EQ(Placement("third").why(), "1 host: 1 no free macOS slot");
}

TEST_F(VmControllerTest, AVmWaitsForItsImageAndSaysWhy) {
  AddHost("mac-01");
  Apply(VmNamed("build"));
  EXPECT_EQ(Placement("build").why(), "image sonoma does not exist");
  Apply(ImageNamed("sonoma", "registry.example/sonoma:missing"));
  Pass(absl::Seconds(3), {"mac-01"});
  EXPECT_THAT(Placement("build").why(), HasSubstr("the registry has no such tag"));
  Apply(ImageNamed("sonoma", "registry.example/sonoma:1"));
  EXPECT_EQ(Phase("build"), P::STARTING);
}

TEST_F(VmControllerTest, ARawReferenceIsResolvedAndPinned) {
  AddHost("mac-01");
  Apply(VmNamed("build", "registry.example/sonoma:1"));
  EXPECT_EQ(Placement("build").image_reference(),
            absl::StrCat("registry.example/sonoma:1@", Digest('a')));
}

TEST_F(VmControllerTest, AFailedRunIsTriedAgainAfterABackOffAsTheNextAttempt) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  Pass(absl::Seconds(90), {"mac-01"});
  EXPECT_TRUE(Report("build", v1::VmObserved::FAILED, "kernel panic").ok());
  EXPECT_EQ(Phase("build"), P::PENDING);
  EXPECT_THAT(Placement("build").why(),
              HasSubstr("failed on mac-01: kernel panic; next attempt at"));
  EXPECT_THAT(Placement("build").healed_what(), HasSubstr("kernel panic"));
  Pass(absl::Seconds(2), {"mac-01"});
  EXPECT_EQ(Phase("build"), P::STARTING);
  EXPECT_EQ(Placement("build").attempt(), 2);
}

TEST_F(VmControllerTest, ASilentHostMakesItsVmsUnknownAndOnlySureDeathReplacesThem) {
  AddImages();
  AddHost("mac-01");
  AddHost("mac-02");
  Resource vm = VmNamed("build");
  vm.mutable_vm()->mutable_spec()->set_host("mac-01");
  Apply(vm);
  vm.mutable_vm()->mutable_spec()->clear_host();
  RunAll();
  Apply(vm);
  ASSERT_EQ(Placement("build").host(), "mac-01");
  Pass(absl::Seconds(19), {"mac-02"});
  EXPECT_EQ(Phase("build"), P::RUNNING);
  Pass(absl::Seconds(2), {"mac-02"});
  EXPECT_EQ(Phase("build"), P::UNKNOWN);
  EXPECT_THAT(Placement("build").why(), HasSubstr("mac-01 is silent"));
  // The run lease is 30 s; its margins make it 41.3 s after the last beat.
  Pass(absl::Seconds(19), {"mac-02"});
  EXPECT_EQ(Phase("build"), P::UNKNOWN);
  EXPECT_EQ(Placement("build").attempt(), 1);
  Pass(absl::Seconds(3), {"mac-02"});
  EXPECT_EQ(Phase("build"), P::STARTING);
  EXPECT_EQ(Placement("build").host(), "mac-02");
  EXPECT_EQ(Placement("build").attempt(), 2);
  EXPECT_EQ(Placement("build").healed_what(), "host mac-01 was lost with attempt 1");
  ASSERT_EQ(Placement("build").retiring_size(), 1);
  EXPECT_EQ(Placement("build").retiring(0).host(), "mac-01");
  EXPECT_EQ(Placement("build").retiring(0).attempt(), 1);

  // Back again, its agent reports what became of the first attempt: the room is free.
  Pass(absl::Seconds(2), {"mac-01", "mac-02"});
  EXPECT_TRUE(ReportRun("build", Vm("build").metadata().uid(), 1, v1::VmObserved::FENCED).ok());
  EXPECT_EQ(Placement("build").retiring_size(), 0);
  EXPECT_EQ(Vm("build").vm().status().ended_size(), 0);
  EXPECT_EQ(Placement("build").attempt(), 2);
}

TEST_F(VmControllerTest, AHostThatComesBackInTimeLosesNothing) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  Pass(absl::Seconds(30), {});
  EXPECT_EQ(Phase("build"), P::UNKNOWN);
  Pass(absl::Seconds(1), {"mac-01"});
  EXPECT_EQ(Phase("build"), P::RUNNING);
  EXPECT_EQ(Placement("build").attempt(), 1);
}

TEST_F(VmControllerTest, AKeptVmWaitsForItsHost) {
  AddImages();
  AddHost("mac-01");
  AddHost("mac-02");
  Resource vm = VmNamed("signing");
  vm.mutable_vm()->mutable_spec()->set_partition(v1::VmSpec::KEEP);
  Apply(vm);
  RunAll();
  const std::string host = Placement("signing").host();
  const std::string other = host == "mac-01" ? "mac-02" : "mac-01";
  Pass(absl::Minutes(10), {other});
  EXPECT_EQ(Phase("signing"), P::UNKNOWN);
  EXPECT_EQ(Placement("signing").host(), host);
  Pass(absl::Seconds(2), {host, other});
  EXPECT_EQ(Phase("signing"), P::RUNNING);
}

TEST_F(VmControllerTest, AfterAStartNobodyCountsAsSilentBeforeAWholeLease) {
  AddImages();
  AddHost("mac-01");
  AddHost("mac-02");
  Apply(VmNamed("build"));
  RunAll();
  clock.Advance(absl::Seconds(15));
  control = nullptr;
  sessions = std::make_unique<SessionRegistry>(clock, [] { return LeaseTerms{}; });
  StartControlOn(*resources);
  Settle();
  Pass(absl::Seconds(29), {});
  EXPECT_EQ(Phase("build"), P::RUNNING);
  Pass(absl::Seconds(2), {});
  EXPECT_EQ(Phase("build"), P::UNKNOWN);
  Pass(absl::Seconds(8), {});
  EXPECT_EQ(Phase("build"), P::UNKNOWN);
}

TEST_F(VmControllerTest, DeletionStopsTheRunAndThenTheObjectGoes) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  ASSERT_TRUE(Delete(VmRef("build")).ok());
  EXPECT_EQ(Phase("build"), P::STOPPING);
  EXPECT_TRUE(Placement("build").stop());
  EXPECT_TRUE(Report("build", v1::VmObserved::STOPPED).ok());
  EXPECT_TRUE(absl::IsNotFound(Get(VmRef("build")).status()));
}

TEST_F(VmControllerTest, WhatWasNeverPlacedGoesAtOnce) {
  Apply(VmNamed("build"));
  ASSERT_TRUE(Delete(VmRef("build")).ok());
  EXPECT_TRUE(absl::IsNotFound(Get(VmRef("build")).status()));
}

TEST_F(VmControllerTest, AReplacedVmWaitsUntilTheOldRunHasEnded) {
  AddImages();
  AddHost("mac-01");
  AddHost("mac-02");
  Apply(VmNamed("build"));
  RunAll();
  const std::string old_uid = Vm("build").metadata().uid();
  Resource bigger = VmNamed("build");
  bigger.mutable_vm()->mutable_spec()->set_cpu(6);
  Apply(bigger);
  EXPECT_EQ(Phase("build"), P::PENDING);
  EXPECT_THAT(Placement("build").why(), HasSubstr("its earlier run on"));
  ASSERT_EQ(Placement("build").retiring_size(), 1);
  EXPECT_TRUE(ReportRun("build", old_uid, 1, v1::VmObserved::STOPPED).ok());
  EXPECT_EQ(Phase("build"), P::STARTING);
  EXPECT_EQ(Placement("build").retiring_size(), 0);
}

TEST_F(VmControllerTest, PowerOffFreesTheRoomKeepsTheDiskAndPowerOnGoesOnThere) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  AddHost("mac-02");
  Resource off = VmNamed("build");
  off.mutable_vm()->mutable_spec()->set_power(v1::VmSpec::OFF);
  Apply(off);
  EXPECT_EQ(Phase("build"), P::STOPPING);
  EXPECT_TRUE(Placement("build").stop());
  EXPECT_TRUE(Report("build", v1::VmObserved::STOPPED).ok());
  EXPECT_EQ(Phase("build"), P::STOPPED);
  EXPECT_EQ(Placement("build").why(), "powered off; its disk is on mac-01");
  EXPECT_EQ(Placement("build").host(), "");
  Apply(VmNamed("build"));
  EXPECT_EQ(Phase("build"), P::STARTING);
  EXPECT_EQ(Placement("build").host(), "mac-01");
  EXPECT_EQ(Placement("build").attempt(), 2);
}

TEST_F(VmControllerTest, WhatWasPoweredOffWaitsForRoomWhereItsDiskIs) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  Resource off = VmNamed("build");
  off.mutable_vm()->mutable_spec()->set_power(v1::VmSpec::OFF);
  Apply(off);
  EXPECT_TRUE(Report("build", v1::VmObserved::STOPPED).ok());
  Apply(VmNamed("other"));
  Apply(VmNamed("another"));
  EXPECT_EQ(Placement("another").host(), "mac-01") << "its slot is free for others";
  AddHost("mac-02");
  Apply(VmNamed("build"));
  EXPECT_EQ(Phase("build"), P::PENDING);
  EXPECT_THAT(Placement("build").why(), HasSubstr("no free macOS slot; its disk is on mac-01"));
}

TEST_F(VmControllerTest, ADrainMovesVmsAndSaysWhoAndWhy) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  AddHost("mac-02");
  Hold(HostRef("mac-01"), "drain");
  EXPECT_EQ(Phase("build"), P::STOPPING);
  EXPECT_EQ(Placement("build").why(), "leaves mac-01: drain by ana: disk swap");
  EXPECT_TRUE(Report("build", v1::VmObserved::STOPPED).ok());
  EXPECT_EQ(Placement("build").host(), "mac-02");
  EXPECT_EQ(Placement("build").attempt(), 2);
}

TEST_F(VmControllerTest, PastItsTimeToLiveAVmExpiresAndAHandMadeOneGoes) {
  AddImages();
  AddHost("mac-01");
  Resource vm = VmNamed("by-hand");
  vm.mutable_vm()->mutable_spec()->set_ttl_seconds(60);
  Apply(vm, Owner::CLI);
  vm.mutable_metadata()->set_name("declared");
  Apply(vm, Owner::GIT);
  RunAll();
  Pass(absl::Seconds(59), {"mac-01"});
  EXPECT_EQ(Phase("declared"), P::RUNNING);
  Pass(absl::Seconds(2), {"mac-01"});
  EXPECT_EQ(Phase("declared"), P::STOPPING);
  EndAsked();
  EXPECT_EQ(Phase("declared"), P::EXPIRED);
  EXPECT_EQ(Placement("declared").why(), "its time to live of 60 s is over");
  EXPECT_TRUE(absl::IsNotFound(Get(VmRef("by-hand")).status()));
  // The room is free again.
  Apply(VmNamed("next"));
  Apply(VmNamed("after-next"));
  EXPECT_EQ(Phase("after-next"), P::STARTING);
}

struct RestartCase {
  v1::VmSpec::Restart restart;
  v1::VmObserved::Phase ended;
  P::Phase phase;
};

TEST_F(VmControllerTest, TheRestartPolicyDecidesWhatFollowsAnEnd) {
  AddImages();
  AddHost("mac-01", 64);
  const RestartCase cases[] = {
      {v1::VmSpec::ALWAYS, v1::VmObserved::STOPPED, P::PENDING},
      {v1::VmSpec::ALWAYS, v1::VmObserved::FAILED, P::PENDING},
      {v1::VmSpec::ON_FAILURE, v1::VmObserved::STOPPED, P::STOPPED},
      {v1::VmSpec::ON_FAILURE, v1::VmObserved::FAILED, P::PENDING},
      // No fault of its own: it does not wait.
      {v1::VmSpec::ON_FAILURE, v1::VmObserved::FENCED, P::STARTING},
      {v1::VmSpec::NEVER, v1::VmObserved::STOPPED, P::STOPPED},
      {v1::VmSpec::NEVER, v1::VmObserved::FAILED, P::FAILED},
      {v1::VmSpec::NEVER, v1::VmObserved::FENCED, P::FAILED},
  };
  int number = 0;
  for (const RestartCase& c : cases) {
    const std::string name = absl::StrCat("vm-", ++number);
    Resource vm = VmNamed(name, "debian");
    vm.mutable_vm()->mutable_spec()->set_restart(c.restart);
    Apply(vm);
    ASSERT_TRUE(Report(name, v1::VmObserved::RUNNING).ok());
    ASSERT_TRUE(Report(name, c.ended, "gone").ok());
    EXPECT_EQ(Phase(name), c.phase) << number;
    EXPECT_NE(Placement(name).why(), "") << number;
    const bool for_good = c.phase == P::STOPPED || c.phase == P::FAILED;
    EXPECT_EQ(Placement(name).stop(), for_good) << number;
  }
}

TEST_F(VmControllerTest, ManyPendingVmsArePlacedInOrderOfTheirCreation) {
  AddImages();
  for (int i = 0; i < 12; ++i) {
    Apply(VmNamed(absl::StrCat("vm-", 9 - i % 10, i)));
    clock.Advance(absl::Milliseconds(10));
  }
  AddHost("mac-01", 64);
  std::vector<std::string> placed;
  for (const std::string& name : Names(Kind::kVm)) {
    if (Phase(name) == P::STARTING) placed.push_back(name);
  }
  EXPECT_THAT(placed, UnorderedElementsAre("vm-90", "vm-81"));
}

}  // namespace
}  // namespace espalier::control
