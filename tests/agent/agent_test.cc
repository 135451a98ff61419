// The agent against a real engine in memory and a simulated host, on virtual time.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/agent_world.h"

namespace espalier::agent {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Observed = v1::VmObserved;

class AgentTest : public testing::Test {
 protected:
  AgentTest() { world_.Run(absl::Seconds(1)); }

  testing::AssertionResult Reaches(const std::string& vm, Observed::Phase phase) {
    if (world_.Eventually([&] { return world_.Observed(vm).phase() == phase; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << vm << " is " << world_.Observed(vm).ShortDebugString()
                                       << " rather than " << Observed::Phase_Name(phase);
  }
  void DeclareRunning(const std::string& name) {
    world_.Declare(name);
    world_.PlaceHere(name, 1);
    ASSERT_TRUE(Reaches(name, Observed::RUNNING));
  }
  std::size_t alive() { return world_.machine.Live().size(); }
  std::string UidOf(const std::string& name) {
    return world_.Get({.kind = Kind::kVm, .ns = "ci", .name = name}).metadata().uid();
  }

  AgentWorld world_;
};

TEST_F(AgentTest, RegistersItsHostAndSaysWhatItHas) {
  const Resource host = world_.Get({.kind = Kind::kHost, .ns = "", .name = "mac-01"});
  EXPECT_EQ(host.metadata().labels().at("room"), "a");
  EXPECT_FALSE(host.metadata().has_owner());
  const v1::HostObserved& observed = host.host().status().observed();
  EXPECT_EQ(observed.os(), "darwin");
  EXPECT_EQ(observed.arch(), "arm64");
  EXPECT_EQ(observed.cpu(), 8u);
  EXPECT_EQ(observed.driver(), "sim");
  EXPECT_EQ(observed.address(), "127.0.0.1");
  EXPECT_NE(observed.boot_id(), "");
}

TEST_F(AgentTest, ReportsNothingTwice) {
  DeclareRunning("a");
  world_.Run(absl::Seconds(5));
  const std::int64_t revision =
      world_.Get({.kind = Kind::kVm, .ns = "ci", .name = "a"}).metadata().revision();
  const std::int64_t sequence = world_.Host().sequence();
  world_.Run(absl::Minutes(5));
  EXPECT_EQ(world_.Get({.kind = Kind::kVm, .ns = "ci", .name = "a"}).metadata().revision(),
            revision);
  EXPECT_EQ(world_.Host().sequence(), sequence);
}

TEST_F(AgentTest, PullsStartsAndReportsAVm) {
  world_.Declare("a", [](Resource& vm) {
    (*vm.mutable_vm()->mutable_spec()->mutable_ports())["http"].set_guest(80);
  });
  world_.PlaceHere("a", 1);
  ASSERT_TRUE(Reaches("a", Observed::PULLING));
  EXPECT_EQ(world_.Host().images().at(kTestDigest).state(), v1::HeldImage::CACHING);
  EXPECT_EQ(alive(), 0u);
  ASSERT_TRUE(Reaches("a", Observed::STARTING));
  ASSERT_TRUE(Reaches("a", Observed::RUNNING));
  const Observed observed = world_.Observed("a");
  EXPECT_EQ(observed.uid(), UidOf("a"));
  EXPECT_EQ(observed.attempt(), 1);
  EXPECT_EQ(observed.ip(), "127.0.0.1");
  EXPECT_EQ(observed.ports().at("ssh"), 8822u);
  EXPECT_EQ(observed.ports().at("vnc"), 5999u);
  EXPECT_EQ(observed.ports().at("screenshare"), 5900u);
  EXPECT_EQ(observed.ports().at("http"), 10000u);
  EXPECT_TRUE(observed.has_started_at());
  EXPECT_EQ(observed.boot_id(), world_.Host().boot_id());
  EXPECT_EQ(world_.Host().images().at(kTestDigest).state(), v1::HeldImage::READY);
  EXPECT_EQ(world_.Host().macos_running(), 1u);
}

TEST_F(AgentTest, ASecondVmGetsTheNextPorts) {
  DeclareRunning("a");
  DeclareRunning("b");
  EXPECT_EQ(world_.Observed("a").ports().at("ssh"), 8822u);
  EXPECT_EQ(world_.Observed("b").ports().at("ssh"), 8823u);
  EXPECT_EQ(world_.Observed("b").ports().at("vnc"), 6000u);
  EXPECT_EQ(world_.Observed("b").ports().at("screenshare"), 5901u);
}

TEST_F(AgentTest, StopsWhatTheEngineStops) {
  DeclareRunning("a");
  world_.Place("a", [](v1::VmPlacement& placement) { placement.set_stop(true); });
  ASSERT_TRUE(Reaches("a", Observed::STOPPED));
  EXPECT_EQ(alive(), 0u);
  EXPECT_TRUE(world_.Observed("a").ports().empty());
  // Its disk stays until the engine has made up its mind: it may be wanted for the next run.
  world_.Run(absl::Minutes(1));
  EXPECT_EQ(world_.machine.List()->runs.size(), 1u);
  world_.Place("a",
               [](v1::VmPlacement& placement) { placement.set_phase(v1::VmPlacement::STOPPED); });
  // Then it goes, and is not started again.
  world_.Run(absl::Minutes(1));
  EXPECT_TRUE(world_.machine.List()->runs.empty());
  EXPECT_EQ(world_.Observed("a").phase(), Observed::STOPPED);
  // Its ports are free for the next.
  DeclareRunning("b");
  EXPECT_EQ(world_.Observed("b").ports().at("ssh"), 8822u);
}

TEST_F(AgentTest, StopsWhatIsDeleted) {
  DeclareRunning("b");
  world_.Delete("b");
  ASSERT_TRUE(Reaches("b", Observed::STOPPED));
  world_.Finalize("b");
  world_.Run(absl::Minutes(2));
  EXPECT_EQ(alive(), 0u);
  EXPECT_TRUE(world_.machine.List()->runs.empty());
}

// Powered off, it is placed nowhere; its disk waits here for the next attempt.
TEST_F(AgentTest, KeepsTheDiskOfWhatIsPoweredOffAndGoesOnWithIt) {
  DeclareRunning("a");
  const std::string uid = UidOf("a");
  const std::string disk = world_.machine.DiskOf({uid, 1});
  ASSERT_NE(disk, "");
  world_.Place("a", [](v1::VmPlacement& placement) { placement.set_stop(true); });
  ASSERT_TRUE(Reaches("a", Observed::STOPPED));
  world_.Place("a", [](v1::VmPlacement& placement) {
    placement.clear_host();
    placement.clear_stop();
    placement.set_disk_host("mac-01");
  });
  world_.Run(absl::Minutes(5));
  world_.KillAgent();
  world_.StartAgent();
  world_.Run(absl::Minutes(5));
  EXPECT_EQ(world_.machine.DiskOf({uid, 1}), disk);
  EXPECT_EQ(alive(), 0u);

  world_.PlaceHere("a", 2);
  ASSERT_TRUE(Reaches("a", Observed::RUNNING));
  EXPECT_EQ(world_.machine.DiskOf({uid, 2}), disk);
  EXPECT_EQ(world_.machine.DiskOf({uid, 1}), disk) << "until the engine knows that it runs";
  world_.Place("a", [](v1::VmPlacement& placement) { placement.clear_disk_host(); });
  world_.Run(absl::Minutes(1));
  EXPECT_EQ(world_.machine.List()->runs.size(), 1u);
}

TEST_F(AgentTest, ErasesAKeptDiskThatNobodyWantsAnyMore) {
  DeclareRunning("a");
  world_.Place("a", [](v1::VmPlacement& placement) { placement.set_stop(true); });
  ASSERT_TRUE(Reaches("a", Observed::STOPPED));
  world_.Place("a", [](v1::VmPlacement& placement) {
    placement.clear_host();
    placement.set_disk_host("mac-01");
  });
  world_.Run(absl::Minutes(1));
  ASSERT_EQ(world_.machine.List()->runs.size(), 1u);
  world_.Place("a", [](v1::VmPlacement& placement) { placement.clear_disk_host(); });
  world_.Run(absl::Minutes(1));
  EXPECT_TRUE(world_.machine.List()->runs.empty());
}

TEST_F(AgentTest, ReportsAStopOfWhatNeverRan) {
  world_.Declare("a");
  world_.PlaceHere("a", 1);
  world_.Place("a", [](v1::VmPlacement& placement) { placement.set_stop(true); });
  ASSERT_TRUE(Reaches("a", Observed::STOPPED));
  EXPECT_EQ(alive(), 0u);
}

TEST_F(AgentTest, ReportsACrashAndRunsTheNextAttempt) {
  DeclareRunning("a");
  ASSERT_EQ(world_.machine.KillVm("ci/a"), absl::OkStatus());
  ASSERT_TRUE(Reaches("a", Observed::FAILED));
  EXPECT_THAT(world_.Observed("a").message(), HasSubstr("killed"));
  world_.Run(absl::Minutes(1));
  EXPECT_EQ(alive(), 0u) << "the same attempt never runs again";
  world_.PlaceHere("a", 2);
  ASSERT_TRUE(Reaches("a", Observed::RUNNING));
  EXPECT_EQ(world_.Observed("a").attempt(), 2);
  EXPECT_EQ(world_.machine.List()->runs.size(), 1u);
}

TEST_F(AgentTest, EndsARetiringRunBeforeItStartsTheNext) {
  DeclareRunning("a");
  DeclareRunning("b");
  const std::string uid = UidOf("a");
  // Both slots are taken: the next attempt has to wait for the old one's end.
  world_.Place("a", [&](v1::VmPlacement& placement) {
    v1::RetiringRun& old = *placement.add_retiring();
    old.set_uid(uid);
    old.set_host("mac-01");
    old.set_attempt(1);
    old.set_macos(true);
    placement.set_attempt(2);
  });
  for (int i = 0; i < 100; ++i) {
    world_.Run(absl::Milliseconds(100));
    ASSERT_LE(alive(), 2u);
  }
  ASSERT_TRUE(Reaches("a", Observed::RUNNING));
  EXPECT_EQ(world_.Observed("a").attempt(), 2);
  const Resource vm = world_.Get({.kind = Kind::kVm, .ns = "ci", .name = "a"});
  ASSERT_EQ(vm.vm().status().ended_size(), 1);
  EXPECT_EQ(vm.vm().status().ended(0).attempt(), 1);
}

TEST_F(AgentTest, ReportsTheEndOfARetiringRunThatNeverRanHere) {
  const Resource vm = world_.Declare("a");
  world_.Place("a", [&](v1::VmPlacement& placement) {
    v1::RetiringRun& old = *placement.add_retiring();
    old.set_uid("0123456789abcdef");
    old.set_host("mac-01");
    old.set_attempt(7);
  });
  EXPECT_TRUE(world_.Eventually([&] {
    return world_.Get({.kind = Kind::kVm, .ns = "ci", .name = "a"}).vm().status().ended_size() == 1;
  }));
}

TEST_F(AgentTest, StopsARunWhoseNextAttemptIsElsewhere) {
  DeclareRunning("a");
  world_.Place("a", [](v1::VmPlacement& placement) {
    placement.set_host("mac-02");
    placement.set_attempt(2);
  });
  EXPECT_TRUE(world_.Eventually([&] { return world_.machine.List()->runs.empty(); }));
}

TEST_F(AgentTest, AdoptsWhatRunsAfterAKill) {
  DeclareRunning("a");
  const Observed before = world_.Observed("a");
  world_.KillAgent();
  world_.Run(absl::Seconds(10));
  world_.StartAgent();
  world_.Run(absl::Seconds(30));
  EXPECT_EQ(alive(), 1u);
  const Observed after = world_.Observed("a");
  EXPECT_EQ(after.attempt(), 1);
  EXPECT_EQ(after.phase(), Observed::RUNNING);
  EXPECT_EQ(after.ports().at("ssh"), before.ports().at("ssh"));
  // Its ports stay its own.
  DeclareRunning("b");
  EXPECT_EQ(world_.Observed("b").ports().at("ssh"), 8823u);
  // And reports of the new agent are believed.
  world_.Place("a", [](v1::VmPlacement& placement) { placement.set_stop(true); });
  EXPECT_TRUE(Reaches("a", Observed::STOPPED));
}

TEST_F(AgentTest, SaysWhatHappenedWhileItWasAway) {
  DeclareRunning("a");
  DeclareRunning("b");
  world_.KillAgent();
  ASSERT_EQ(world_.machine.KillVm("ci/a"), absl::OkStatus());
  world_.Place("b", [](v1::VmPlacement& placement) { placement.set_stop(true); });
  world_.StartAgent();
  EXPECT_TRUE(Reaches("a", Observed::FAILED));
  EXPECT_TRUE(Reaches("b", Observed::STOPPED));
}

TEST_F(AgentTest, AFencedVmEndsWhenTheEngineIsSilentAndIsNotStartedAgain) {
  world_.Declare("kept");
  world_.PlaceHere("kept", 1);
  world_.Place("kept", [](v1::VmPlacement& placement) { placement.set_kept(true); });
  DeclareRunning("a");
  ASSERT_TRUE(Reaches("kept", Observed::RUNNING));
  world_.CutOff(true);
  world_.Run(absl::Seconds(20));
  EXPECT_EQ(alive(), 2u);
  world_.Run(absl::Seconds(20));
  ASSERT_EQ(alive(), 1u);
  world_.Run(absl::Minutes(10));
  EXPECT_EQ(world_.machine.Live()[0].id.uid, UidOf("kept"));
  world_.CutOff(false);
  EXPECT_TRUE(Reaches("a", Observed::FENCED));
  EXPECT_EQ(world_.Observed("kept").phase(), Observed::RUNNING);
  EXPECT_EQ(alive(), 1u);
}

TEST_F(AgentTest, ShortSilenceCostsNothing) {
  DeclareRunning("a");
  for (int i = 0; i < 5; ++i) {
    world_.CutOff(true);
    world_.Run(absl::Seconds(20));
    world_.CutOff(false);
    world_.Run(absl::Seconds(10));
  }
  EXPECT_EQ(world_.Observed("a").phase(), Observed::RUNNING);
  EXPECT_EQ(alive(), 1u);
}

TEST_F(AgentTest, AChangedPartitionPolicyReachesTheRunner) {
  DeclareRunning("a");
  const auto change_to = [&](bool kept, std::int64_t number) {
    world_.Place("a", [&](v1::VmPlacement& placement) {
      placement.set_kept(kept);
      placement.set_kept_changes(number);
    });
  };
  change_to(true, 1);
  world_.Run(absl::Seconds(1));
  EXPECT_EQ(world_.Observed("a").kept_changes(), 1);
  world_.CutOff(true);
  // Nothing is said of what was not heard.
  change_to(false, 2);
  world_.Run(absl::Minutes(5));
  EXPECT_EQ(alive(), 1u);
  EXPECT_EQ(world_.Observed("a").kept_changes(), 1);
  world_.CutOff(false);
  EXPECT_TRUE(world_.Eventually([&] { return world_.Observed("a").kept_changes() == 2; }));
  world_.CutOff(true);
  world_.Run(absl::Minutes(5));
  EXPECT_EQ(alive(), 0u);
}

TEST_F(AgentTest, LeavesUnknownVmsAloneAndReportsThem) {
  ASSERT_EQ(world_.machine.AddVm("by-hand", "darwin"), absl::OkStatus());
  ASSERT_EQ(world_.machine.AddImage("sonoma-old", 5000), absl::OkStatus());
  world_.images.AddFound("sha256:feed");
  ASSERT_TRUE(world_.Eventually([&] { return world_.Host().found_vms_size() == 1; }));
  const v1::HostObserved first = world_.Host();
  EXPECT_EQ(first.found_vms().at("by-hand").os(), "darwin");
  EXPECT_EQ(first.macos_running(), 1u);
  EXPECT_EQ(first.found_images().at("sonoma-old").bytes(), 5000);
  EXPECT_EQ(first.found_images().count("sha256:feed"), 1u);
  world_.KillAgent();
  world_.Run(absl::Minutes(10));
  world_.StartAgent();
  world_.Run(absl::Minutes(10));
  EXPECT_EQ(alive(), 1u);
  EXPECT_EQ(world_.Host().found_vms().at("by-hand").since().seconds(),
            first.found_vms().at("by-hand").since().seconds());
}

TEST_F(AgentTest, RefusesAThirdMacosVmAndSaysWhy) {
  ASSERT_EQ(world_.machine.AddVm("by-hand", "darwin"), absl::OkStatus());
  DeclareRunning("a");
  world_.Declare("b");
  world_.PlaceHere("b", 1);
  ASSERT_TRUE(Reaches("b", Observed::FAILED));
  EXPECT_THAT(world_.Observed("b").message(), StartsWith("MacosLimit: 2 of 2"));
  EXPECT_EQ(alive(), 2u);
}

TEST_F(AgentTest, RefusesMoreThanTheHostHasAndSaysWhy) {
  struct Case {
    const char* name;
    std::uint32_t cpu;
    std::uint32_t memory_mib;
    const char* message;
  };
  for (const Case& c :
       {Case{"cpu", 9, 1024, "NoRoom: 9 cpu wanted, 8 of 8 free"},
        Case{"memory", 1, 20000, "NoRoom: 20000 MiB wanted, 16384 of 16384 free"}}) {
    world_.Declare(c.name, [&](Resource& vm) {
      vm.mutable_vm()->mutable_spec()->set_cpu(c.cpu);
      vm.mutable_vm()->mutable_spec()->set_memory_mib(c.memory_mib);
    });
    world_.PlaceHere(c.name, 1, "linux");
    ASSERT_TRUE(Reaches(c.name, Observed::FAILED));
    EXPECT_EQ(world_.Observed(c.name).message(), c.message);
  }
}

TEST_F(AgentTest, RefusesAnotherArchitecture) {
  world_.Declare("a");
  world_.PlaceHere("a", 1, "linux");
  world_.Place("a", [](v1::VmPlacement& placement) { placement.set_image_arch("amd64"); });
  ASSERT_TRUE(Reaches("a", Observed::FAILED));
  EXPECT_THAT(world_.Observed("a").message(), StartsWith("UnsupportedGuest"));
}

TEST_F(AgentTest, ARefusedStartIsAFailedAttempt) {
  SimOptions options;
  options.refuse_start = 1;
  world_.machine.SetOptions(options);
  world_.Declare("a");
  world_.PlaceHere("a", 1);
  ASSERT_TRUE(Reaches("a", Observed::FAILED));
  EXPECT_THAT(world_.Observed("a").message(), StartsWith("StartFailed: refused"));
  world_.machine.SetOptions({});
  world_.PlaceHere("a", 2);
  EXPECT_TRUE(Reaches("a", Observed::RUNNING));
}

TEST_F(AgentTest, WaitsWithTheErrorWhileAnImageCannotBePulled) {
  SimImagesOptions broken;
  broken.fail_pull = 1;
  world_.images.SetOptions(broken);
  world_.Declare("a");
  world_.PlaceHere("a", 1);
  ASSERT_TRUE(world_.Eventually([&] { return world_.Observed("a").message() != ""; }));
  EXPECT_EQ(world_.Observed("a").phase(), Observed::PULLING);
  EXPECT_THAT(world_.Observed("a").message(), StartsWith("ImageFailed: the registry broke off"));
  world_.images.SetOptions({});
  EXPECT_TRUE(Reaches("a", Observed::RUNNING));
}

TEST_F(AgentTest, SaysThatARunIsLostAfterAReboot) {
  DeclareRunning("a");
  const std::string boot_id = world_.Host().boot_id();
  world_.KillAgent();
  ASSERT_EQ(world_.machine.Reboot(), absl::OkStatus());
  // The disk was erased as well.
  ASSERT_EQ(world_.machine.Forget({UidOf("a"), 1}), absl::OkStatus());
  world_.StartAgent();
  ASSERT_TRUE(Reaches("a", Observed::FAILED));
  EXPECT_THAT(world_.Observed("a").message(), StartsWith("Lost"));
  EXPECT_NE(world_.Host().boot_id(), boot_id);
}

TEST_F(AgentTest, PullsAssignedImagesAndKeepsRunsOutOfIt) {
  const std::string reference = "registry.example/x@sha256:bbbb";
  world_.AssignImage(reference);
  ASSERT_TRUE(world_.Eventually([&] {
    const v1::HostObserved host = world_.Host();
    return host.images().contains("sha256:bbbb") &&
           host.images().at("sha256:bbbb").state() == v1::HeldImage::READY;
  }));
  EXPECT_EQ(world_.images.List()[0].need, Need::kPinned);
  EXPECT_EQ(world_.Host().found_images_size(), 0);
}

// An object that is gone for good: its machine ends, but not at once.
TEST_F(AgentTest, AVmWithoutAnObjectEndsAfterGrace) {
  RunSpec spec;
  spec.id = {"0123456789abcdef", 1};
  spec.owner = "ci/ghost";
  spec.guest_os = "darwin";
  spec.lease_until = absl::InfiniteDuration();
  ASSERT_EQ(world_.machine.Start(spec), absl::OkStatus());
  world_.Run(absl::Seconds(25));
  EXPECT_EQ(alive(), 1u);
  world_.Run(absl::Seconds(60));
  EXPECT_EQ(alive(), 0u);
  EXPECT_TRUE(world_.machine.List()->runs.empty());
}

TEST_F(AgentTest, AVmOfAnotherIncarnationEndsAtOnce) {
  world_.Declare("a");
  RunSpec spec;
  spec.id = {"0123456789abcdef", 1};
  spec.owner = "ci/a";
  spec.guest_os = "darwin";
  spec.lease_until = absl::InfiniteDuration();
  ASSERT_EQ(world_.machine.Start(spec), absl::OkStatus());
  EXPECT_TRUE(world_.Eventually([&] { return world_.machine.List()->runs.empty(); }));
}

// An engine restored from an old backup remembers an earlier attempt than what runs.
TEST_F(AgentTest, ARunNewerThanTheEngineKnowsIsReportedAndLeftAlone) {
  const Resource vm = world_.Declare("a");
  world_.PlaceHere("a", 1);
  world_.Place("a", [](v1::VmPlacement& placement) { placement.set_stop(true); });
  ASSERT_TRUE(Reaches("a", Observed::STOPPED));
  RunSpec spec;
  spec.id = {vm.metadata().uid(), 5};
  spec.owner = "ci/a";
  spec.guest_os = "darwin";
  spec.lease_until = absl::InfiniteDuration();
  ASSERT_EQ(world_.machine.Start(spec), absl::OkStatus());
  world_.Run(absl::Minutes(5));
  EXPECT_EQ(alive(), 1u);
  EXPECT_EQ(world_.Host().found_vms().count(ToString(spec.id)), 1u);
}

}  // namespace
}  // namespace espalier::agent
