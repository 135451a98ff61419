#include "macagent/driver/conformance.h"

#include "engine/base/status.h"
#include "gmock/gmock.h"
#include "macagent/driver/run_record.h"

namespace espalier::agent {

absl::Status DriverConformanceTest::Run(const RunSpec& spec) {
  ESPALIER_ASSIGN_OR_RETURN(const std::string dir, driver().Prepare(spec));
  if (!dir.empty()) world_->FillBundle(dir);
  return driver().Start(spec);
}

std::string DriverConformanceTest::PhaseOf(const RunId& id) {
  const absl::StatusOr<Listing> listing = driver().List();
  if (!listing.ok()) return listing.status().ToString();
  for (const RunState& run : listing->runs) {
    if (run.spec.id == id) return std::string(PhaseName(run.phase));
  }
  return "absent";
}

bool DriverConformanceTest::FenceOf(const RunId& id) {
  const absl::StatusOr<Listing> listing = driver().List();
  if (!listing.ok()) return false;
  for (const RunState& run : listing->runs) {
    if (run.spec.id == id) return run.spec.fence;
  }
  return false;
}

testing::AssertionResult DriverConformanceTest::Reaches(const RunId& id, const std::string& phase) {
  if (world_->Eventually([&] { return PhaseOf(id) == phase; })) return testing::AssertionSuccess();
  return testing::AssertionFailure() << ToString(id) << " is " << PhaseOf(id) << ", not " << phase;
}

TEST_P(DriverConformanceTest, SaysWhatTheHostCanGive) {
  const Capacity capacity = driver().GetCapacity();
  EXPECT_THAT(capacity.os, testing::AnyOf("darwin", "linux"));
  EXPECT_THAT(capacity.arch, testing::AnyOf("arm64", "amd64"));
  EXPECT_GT(capacity.cpu, 0u);
  EXPECT_GT(capacity.memory_mib, 0u);
  EXPECT_NE(capacity.boot_id, "");
}

TEST_P(DriverConformanceTest, StartsAndStopsAMachine) {
  const RunSpec spec = world_->Spec("0a", 1);
  EXPECT_EQ(PhaseOf(spec.id), "absent");
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "running"));
  const Listing listing = *driver().List();
  ASSERT_EQ(listing.runs.size(), 1u);
  EXPECT_EQ(listing.runs[0].spec.owner, spec.owner);
  EXPECT_EQ(listing.runs[0].spec.ports.size(), spec.ports.size());
  EXPECT_GT(listing.runs[0].memory_mib, 0u);
  EXPECT_TRUE(listing.vms.empty());

  ASSERT_EQ(driver().Stop(spec.id, absl::Seconds(2)), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "stopped"));
  EXPECT_EQ(driver().Stop(spec.id, absl::Seconds(2)), absl::OkStatus()) << "stopping twice";
  ASSERT_EQ(driver().Forget(spec.id), absl::OkStatus());
  EXPECT_EQ(PhaseOf(spec.id), "absent");
  EXPECT_EQ(driver().Forget(spec.id), absl::OkStatus()) << "forgetting twice";
}

TEST_P(DriverConformanceTest, StopsWhatHasJustBeenStarted) {
  const RunSpec spec = world_->Spec("1d", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_EQ(driver().Stop(spec.id, absl::Milliseconds(100)), absl::OkStatus());
  EXPECT_TRUE(Reaches(spec.id, "stopped"));
}

TEST_P(DriverConformanceTest, StartingTwiceStartsOneMachine) {
  const RunSpec spec = world_->Spec("0b", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  EXPECT_TRUE(absl::IsAlreadyExists(driver().Prepare(spec).status()) ||
              driver().Prepare(spec).ok());
  EXPECT_EQ(driver().Start(spec), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "running"));
  EXPECT_EQ(driver().List()->runs.size(), 1u);
}

TEST_P(DriverConformanceTest, PreparingAgainAfterAnUnfinishedStartIsAllowed) {
  const RunSpec spec = world_->Spec("0c", 1);
  ASSERT_TRUE(driver().Prepare(spec).ok());
  EXPECT_EQ(PhaseOf(spec.id), "absent") << "what was only prepared is no run";
  world_->RestartAgent();
  EXPECT_EQ(PhaseOf(spec.id), "absent");
  ASSERT_EQ(Run(spec), absl::OkStatus());
  EXPECT_TRUE(Reaches(spec.id, "running"));
}

TEST_P(DriverConformanceTest, MachinesOutliveTheAgent) {
  const RunSpec spec = world_->Spec("0d", 3);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "running"));
  world_->RestartAgent();
  const Listing listing = *driver().List();
  ASSERT_EQ(listing.runs.size(), 1u);
  EXPECT_EQ(listing.runs[0].phase, RunPhase::kRunning);
  EXPECT_EQ(listing.runs[0].spec.owner, spec.owner);
  EXPECT_EQ(listing.runs[0].spec.fence, spec.fence);
  // And the new agent can end what the old one started.
  ASSERT_EQ(driver().Stop(spec.id, absl::Seconds(2)), absl::OkStatus());
  EXPECT_TRUE(Reaches(spec.id, "stopped"));
}

TEST_P(DriverConformanceTest, AFencedMachineEndsWithItsLease) {
  RunSpec spec = world_->Spec("0e", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "running"));
  // Renewals count to the latest time; an earlier one takes nothing back.
  RunSpec short_lease = world_->Spec("0f", 1);
  short_lease.lease_until = world_->Elapsed() + absl::Seconds(4);
  ASSERT_EQ(Run(short_lease), absl::OkStatus());
  ASSERT_TRUE(Reaches(short_lease.id, "running"));
  ASSERT_EQ(driver().Renew(spec.id, world_->Elapsed()), absl::OkStatus());
  ASSERT_TRUE(Reaches(short_lease.id, "fenced"));
  EXPECT_EQ(PhaseOf(spec.id), "running");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      driver().Renew(short_lease.id, world_->Elapsed() + absl::Seconds(60))));
}

TEST_P(DriverConformanceTest, RenewalsKeepAMachineAndItsPolicyMayChange) {
  RunSpec spec = world_->Spec("1a", 1);
  spec.lease_until = world_->Elapsed() + absl::Seconds(4);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "running"));
  ASSERT_EQ(driver().Renew(spec.id, world_->Elapsed() + absl::Seconds(6)), absl::OkStatus());
  world_->Pass(absl::Seconds(4));
  EXPECT_EQ(PhaseOf(spec.id), "running");
  // Told to keep running when cut off, it outlives its lease.
  ASSERT_EQ(driver().SetFence(spec.id, false, world_->Elapsed()), absl::OkStatus());
  world_->Pass(absl::Seconds(4));
  EXPECT_EQ(PhaseOf(spec.id), "running");
  // A renewal leaves that as it is, and the list says it.
  ASSERT_EQ(driver().Renew(spec.id, world_->Elapsed() + absl::Seconds(2)), absl::OkStatus());
  EXPECT_FALSE(FenceOf(spec.id));
  ASSERT_EQ(driver().SetFence(spec.id, true, world_->Elapsed() + absl::Seconds(2)),
            absl::OkStatus());
  EXPECT_TRUE(FenceOf(spec.id));
  EXPECT_TRUE(Reaches(spec.id, "fenced"));
}

TEST_P(DriverConformanceTest, AMachineKilledByAnotherHandHasFailed) {
  const RunSpec spec = world_->Spec("1b", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "running"));
  world_->Kill(spec.id);
  ASSERT_TRUE(Reaches(spec.id, "failed"));
  const Listing listing = *driver().List();
  for (const RunState& run : listing.runs) EXPECT_NE(run.message, "");
  // The next run of the same VM is another one.
  const RunSpec next = world_->Spec("1b", 2);
  ASSERT_EQ(Run(next), absl::OkStatus());
  EXPECT_TRUE(Reaches(next.id, "running"));
  EXPECT_EQ(PhaseOf(spec.id), "failed");
}

TEST_P(DriverConformanceTest, RefusesToForgetWhatLives) {
  const RunSpec spec = world_->Spec("1c", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(driver().Forget(spec.id)));
  EXPECT_TRUE(Reaches(spec.id, "running"));
}

TEST_P(DriverConformanceTest, TheNextRunGoesOnWithTheDiskOfTheLast) {
  const RunSpec spec = world_->Spec("1e", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "running"));
  const std::string disk = world_->DiskOf(spec.id);
  ASSERT_NE(disk, "");
  RunSpec next = world_->Spec("1e", 2);
  next.disk_of = 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(Run(next))) << "two machines on one disk";

  ASSERT_EQ(driver().Stop(spec.id, absl::Seconds(1)), absl::OkStatus());
  ASSERT_TRUE(Reaches(spec.id, "stopped"));
  EXPECT_EQ(world_->DiskOf(spec.id), disk) << "an ended run keeps its disk until it is forgotten";
  // An agent that died in between begins the start anew.
  ASSERT_TRUE(driver().Prepare(next).ok());
  world_->RestartAgent();
  ASSERT_EQ(Run(next), absl::OkStatus());
  ASSERT_TRUE(Reaches(next.id, "running"));
  EXPECT_EQ(world_->DiskOf(next.id), disk);
  ASSERT_EQ(driver().Forget(spec.id), absl::OkStatus());
  EXPECT_EQ(PhaseOf(next.id), "running");
  EXPECT_EQ(world_->DiskOf(next.id), disk);
  EXPECT_EQ(world_->DiskOf(spec.id), "");
  // And one that begins with the image has another.
  const RunSpec other = world_->Spec("1f", 1);
  ASSERT_EQ(Run(other), absl::OkStatus());
  EXPECT_NE(world_->DiskOf(other.id), disk);
}

TEST_P(DriverConformanceTest, SaysSoIfTheDiskToGoOnWithIsNotHere) {
  RunSpec spec = world_->Spec("2a", 2);
  spec.disk_of = 1;
  EXPECT_TRUE(absl::IsNotFound(Run(spec)));
  EXPECT_EQ(PhaseOf(spec.id), "absent");
  EXPECT_EQ(driver().Forget(spec.id), absl::OkStatus()) << "what was prepared goes with it";
}

TEST_P(DriverConformanceTest, KnowsNothingOfRunsThatNeverWere) {
  const RunId nobody = {.uid = "ff", .attempt = 9};
  EXPECT_TRUE(absl::IsNotFound(driver().Stop(nobody, absl::Seconds(1))));
  EXPECT_TRUE(absl::IsNotFound(driver().Renew(nobody, absl::InfiniteDuration())));
  EXPECT_EQ(driver().Forget(nobody), absl::OkStatus());
}

}  // namespace espalier::agent
