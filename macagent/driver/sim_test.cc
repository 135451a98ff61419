#include "macagent/driver/sim.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "macagent/driver/conformance.h"
#include "tests/support/fake_clock.h"

namespace espalier::agent {
namespace {

class SimWorld final : public DriverWorld {
 public:
  SimWorld() : machine_(clock_, random_, SimOptions{}), driver_(MakeSimDriver(machine_)) {}
  Driver& driver() override { return *driver_; }
  void RestartAgent() override { driver_ = MakeSimDriver(machine_); }
  absl::Duration Elapsed() override { return clock_.Elapsed(); }
  bool Eventually(const std::function<bool()>& condition) override {
    for (int i = 0; i < 300; ++i) {
      if (condition()) return true;
      clock_.Advance(absl::Milliseconds(100));
    }
    return false;
  }
  void Pass(absl::Duration duration) override { clock_.Advance(duration); }
  void FillBundle(const std::string& dir) override { ADD_FAILURE() << "sim takes no files"; }
  RunSpec Spec(const std::string& uid, std::int64_t attempt) override {
    return {.id = {uid, attempt},
            .owner = "ci/build",
            .guest_os = "darwin",
            .cpu = 3,
            .memory_mib = 4096,
            .ports = {{"ssh", {8822, 22}}},
            .lease_until = clock_.Elapsed() + absl::Hours(1)};
  }
  std::string DiskOf(const RunId& id) override { return machine_.DiskOf(id); }
  void Kill(const RunId& id) override {
    EXPECT_EQ(machine_.KillVm(ToString(id)), absl::OkStatus());
  }

 private:
  FakeClock clock_;
  Random random_{7};
  SimHypervisor machine_;
  std::unique_ptr<Driver> driver_;
};

std::unique_ptr<DriverWorld> MakeSimWorld() { return std::make_unique<SimWorld>(); }

INSTANTIATE_TEST_SUITE_P(Sim, DriverConformanceTest, testing::Values(&MakeSimWorld));

class SimHypervisorTest : public testing::Test {
 protected:
  RunSpec Mac(const std::string& uid) {
    return {.id = {uid, 1},
            .owner = "ci/" + uid,
            .guest_os = "darwin",
            .cpu = 2,
            .memory_mib = 2048,
            .lease_until = clock_.Elapsed() + absl::Hours(1)};
  }
  RunPhase PhaseOf(SimHypervisor& machine, const std::string& uid) {
    const Listing listing = *machine.List();
    for (const RunState& run : listing.runs) {
      if (run.spec.id.uid == uid) return run.phase;
    }
    ADD_FAILURE() << "no run of " << uid;
    return RunPhase::kFailed;
  }

  FakeClock clock_;
  Random random_{1};
  SimOptions options_;
};

TEST_F(SimHypervisorTest, RefusesTheThirdMacosMachineUntilOneHasEnded) {
  SimHypervisor machine(clock_, random_, options_);
  ASSERT_EQ(machine.Start(Mac("a")), absl::OkStatus());
  ASSERT_EQ(machine.Start(Mac("b")), absl::OkStatus());
  EXPECT_TRUE(absl::IsResourceExhausted(machine.Start(Mac("c"))));
  RunSpec linux_guest = Mac("d");
  linux_guest.guest_os = "linux";
  EXPECT_EQ(machine.Start(linux_guest), absl::OkStatus());
  clock_.Advance(absl::Seconds(10));
  ASSERT_EQ(machine.Stop({"a", 1}, absl::Seconds(30)), absl::OkStatus());
  EXPECT_TRUE(absl::IsResourceExhausted(machine.Start(Mac("c")))) << "a is still stopping";
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(machine.Start(Mac("c")), absl::OkStatus());
  EXPECT_EQ(machine.Live().size(), 3u);
}

TEST_F(SimHypervisorTest, RefusesMoreThanItHas) {
  SimHypervisor machine(clock_, random_, options_);
  RunSpec big = Mac("a");
  big.cpu = options_.cpu;
  ASSERT_EQ(machine.Start(big), absl::OkStatus());
  EXPECT_TRUE(absl::IsResourceExhausted(machine.Start(Mac("b"))));
}

TEST_F(SimHypervisorTest, ALeakedSlotComesBackWithAReboot) {
  options_.leak_slot = 1;
  SimHypervisor machine(clock_, random_, options_);
  const std::string boot_id = machine.GetCapacity().boot_id;
  for (const char* uid : {"a", "b"}) {
    ASSERT_EQ(machine.Start(Mac(uid)), absl::OkStatus());
    ASSERT_EQ(machine.KillVm(uid), absl::OkStatus());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(machine.Start(Mac("c"))));
  ASSERT_EQ(machine.Reboot(), absl::OkStatus());
  EXPECT_NE(machine.GetCapacity().boot_id, boot_id);
  EXPECT_EQ(machine.Start(Mac("c")), absl::OkStatus());
}

TEST_F(SimHypervisorTest, AStalledMachineNeverComesUpAndCanBeStopped) {
  options_.stall = 1;
  SimHypervisor machine(clock_, random_, options_);
  ASSERT_EQ(machine.Start(Mac("a")), absl::OkStatus());
  clock_.Advance(absl::Minutes(50));
  EXPECT_EQ(PhaseOf(machine, "a"), RunPhase::kStarting);
  ASSERT_EQ(machine.Stop({"a", 1}, absl::Seconds(30)), absl::OkStatus());
  clock_.Advance(absl::Seconds(29));
  EXPECT_EQ(PhaseOf(machine, "a"), RunPhase::kStopping);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(PhaseOf(machine, "a"), RunPhase::kStopped);
}

TEST_F(SimHypervisorTest, ADeafGuestEndsWhenTheGraceIsOver) {
  options_.slow_stop = 1;
  SimHypervisor machine(clock_, random_, options_);
  ASSERT_EQ(machine.Start(Mac("a")), absl::OkStatus());
  clock_.Advance(absl::Seconds(10));
  ASSERT_EQ(machine.Stop({"a", 1}, absl::Seconds(20)), absl::OkStatus());
  clock_.Advance(absl::Seconds(19));
  EXPECT_EQ(PhaseOf(machine, "a"), RunPhase::kStopping);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(PhaseOf(machine, "a"), RunPhase::kStopped);
}

TEST_F(SimHypervisorTest, SaysWhenItsListChangesByItself) {
  SimHypervisor machine(clock_, random_, options_);
  ASSERT_EQ(machine.Start(Mac("a")), absl::OkStatus());
  const absl::Duration lease_until = Mac("a").lease_until;
  const absl::Duration boots = machine.List()->look_again;
  EXPECT_GT(boots, clock_.Elapsed());
  clock_.Advance(boots - clock_.Elapsed());
  EXPECT_EQ(PhaseOf(machine, "a"), RunPhase::kRunning);
  EXPECT_EQ(machine.List()->look_again, lease_until);
}

TEST_F(SimHypervisorTest, ListsMachinesOfOtherHandsAsUnknown) {
  SimHypervisor machine(clock_, random_, options_);
  ASSERT_EQ(machine.AddVm("secret-vm", "darwin"), absl::OkStatus());
  ASSERT_EQ(machine.AddImage("sonoma-old", 1000), absl::OkStatus());
  const Listing listing = *machine.List();
  ASSERT_EQ(listing.vms.size(), 1u);
  EXPECT_EQ(listing.vms[0].name, "secret-vm");
  ASSERT_EQ(listing.images.size(), 1u);
  EXPECT_TRUE(listing.runs.empty());
  ASSERT_EQ(machine.Start(Mac("a")), absl::OkStatus());
  EXPECT_TRUE(absl::IsResourceExhausted(machine.Start(Mac("b")))) << "it takes a slot";
  ASSERT_EQ(machine.KillVm("secret-vm"), absl::OkStatus());
  EXPECT_TRUE(machine.List()->vms.empty());
}

// Two machines with one seed do the same.
TEST_F(SimHypervisorTest, ASeedDecidesEverything) {
  options_.crash = 0.5;
  options_.slow_stop = 0.5;
  auto play = [&](std::uint64_t seed) {
    FakeClock clock;
    Random random(seed);
    SimHypervisor machine(clock, random, options_);
    std::string trace;
    for (int i = 0; i < 50; ++i) {
      RunSpec spec = Mac(std::to_string(i));
      spec.lease_until = absl::InfiniteDuration();
      trace += machine.Start(spec).ToString();
      clock.Advance(absl::Seconds(7));
      if (i % 3 == 0) trace += machine.Stop(spec.id, absl::Seconds(20)).ToString();
      const Listing listing = *machine.List();
      for (const RunState& run : listing.runs) {
        trace += std::to_string(static_cast<int>(run.phase));
      }
    }
    return trace;
  };
  EXPECT_EQ(play(3), play(3));
  EXPECT_NE(play(3), play(4));
}

// What a process saved is what the next one goes on with.
TEST_F(SimHypervisorTest, GoesOnFromItsSavedState) {
  SimState saved;
  auto save = [&](const SimState& state) {
    saved = *DecodeSimState(EncodeSimState(state));
    return absl::OkStatus();
  };
  std::string boot_id;
  {
    SimHypervisor machine(clock_, random_, options_, {}, save);
    boot_id = machine.GetCapacity().boot_id;
    ASSERT_EQ(machine.Start(Mac("a")), absl::OkStatus());
    ASSERT_EQ(machine.AddVm("other", "linux"), absl::OkStatus());
  }
  clock_.Advance(absl::Seconds(10));
  SimHypervisor machine(clock_, random_, options_, saved, save);
  EXPECT_EQ(machine.GetCapacity().boot_id, boot_id);
  EXPECT_EQ(PhaseOf(machine, "a"), RunPhase::kRunning);
  EXPECT_EQ(machine.List()->runs[0].spec.lease_until, saved.vms[0].run.spec.lease_until);
  EXPECT_EQ(machine.List()->vms.size(), 1u);
}

TEST(RunIdTest, NamesAreReadBack) {
  EXPECT_EQ(*ParseRunId(ToString({"0af3", 12})), (RunId{"0af3", 12}));
  for (const char* name : {"", "x", ".1", "a.", "a.b", "../etc.1", "a/b.1", "a.-1"}) {
    EXPECT_FALSE(ParseRunId(name).ok()) << name;
  }
}

TEST(RunRecordTest, RefusesWhatIsNoRecord) {
  for (const char* text : {"", "{", "[]", "{\"uid\": 3}"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeRun(text).status())) << text;
    EXPECT_TRUE(absl::IsDataLoss(DecodeSimState(text).status())) << text;
  }
}

}  // namespace
}  // namespace espalier::agent
