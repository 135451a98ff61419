// Pools: their steps as a pure decision, and their members through the real engine.
#include "engine/control/pool_controller.h"

#include <algorithm>

#include "engine/control/test_world.h"
#include "engine/model/policy.h"
#include "engine/model/timestamp.h"
#include "gmock/gmock.h"

namespace espalier::control {
namespace {

using ::testing::HasSubstr;
using P = v1::VmPlacement;

constexpr char kNow[] = "hash-now";

struct MemberRow {
  P::Phase phase = P::RUNNING;
  std::string hash = kNow;
  int age_seconds = 100;
  bool ended = false;
  bool suspended = false;
  bool claimed = false;
  int failures = 0;
};

class PoolStepTest : public testing::Test {
 protected:
  PoolStep Step(int replicas, const std::vector<MemberRow>& rows, int max_unavailable = 1,
                int canary = 0) {
    v1::VmPoolSpec pool;
    pool.set_replicas(static_cast<std::uint32_t>(replicas));
    pool.set_max_unavailable(static_cast<std::uint32_t>(max_unavailable));
    if (canary > 0) pool.set_canary(static_cast<std::uint32_t>(canary));
    members_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Resource vm = TestWorld::VmNamed(absl::StrCat("p-", i));
      (*vm.mutable_metadata()->mutable_annotations())[kTemplateNote] = rows[i].hash;
      SetTime(now_ - absl::Seconds(rows[i].age_seconds),
              *vm.mutable_metadata()->mutable_created_at());
      P& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
      placement.set_phase(rows[i].phase);
      placement.set_stop(rows[i].ended);
      if (rows[i].suspended) (*vm.mutable_metadata()->mutable_holds())["suspend"].set_by("ana");
      if (rows[i].claimed) {
        v1::Hold& claim = (*vm.mutable_metadata()->mutable_holds())["claim"];
        claim.set_by("ci");
        claim.set_why("job 4711");
      }
      placement.set_failures(static_cast<std::uint32_t>(rows[i].failures));
      if (rows[i].phase == P::FAILED) placement.set_why("exit code 1");
      if (rows[i].phase != P::PENDING) placement.set_host("mac-01");
      SetTime(now_ - absl::Seconds(rows[i].age_seconds), *placement.mutable_since());
      members_.push_back(std::move(vm));
    }
    std::vector<const Resource*> pointers;
    pointers.reserve(members_.size());
    for (const Resource& vm : members_) pointers.push_back(&vm);
    return StepOf(pool, pointers, kNow, now_);
  }
  static std::vector<std::string> NamesOf(const std::vector<const Resource*>& vms) {
    std::vector<std::string> names;
    names.reserve(vms.size());
    for (const Resource* vm : vms) names.push_back(vm->metadata().name());
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::vector<Resource> members_;
};

TEST_F(PoolStepTest, MakesWhatIsMissing) {
  EXPECT_EQ(Step(3, {}).create, 3);
  EXPECT_EQ(Step(3, {{}, {}}).create, 1);
  EXPECT_EQ(Step(3, {{}, {}, {}}).create, 0);
}

TEST_F(PoolStepTest, RemovesPendingThenOutdatedThenOlderOnes) {
  const PoolStep step = Step(1, {{.age_seconds = 10},
                                 {.age_seconds = 90},
                                 {.phase = P::PENDING, .age_seconds = 5},
                                 {.hash = "old", .age_seconds = 1}});
  EXPECT_THAT(NamesOf(step.remove), testing::ElementsAre("p-1", "p-2", "p-3"));
  EXPECT_EQ(step.create, 0);
}

TEST_F(PoolStepTest, RollsNoMoreThanMayBeMissingAtOnce) {
  EXPECT_EQ(Step(4, {{.hash = "old"}, {.hash = "old"}, {.hash = "old"}, {.hash = "old"}}, 2)
                .update.size(),
            2u);
  // One is missing already.
  EXPECT_EQ(Step(4, {{.hash = "old"}, {.hash = "old"}, {.hash = "old"}, {.phase = P::STARTING}}, 2)
                .update.size(),
            1u);
  EXPECT_EQ(Step(2, {{.hash = "old"}, {.phase = P::STARTING}}).update.size(), 0u);
}

TEST_F(PoolStepTest, RollsWhatDoesNotRunAtOnce) {
  const PoolStep step = Step(3, {{.phase = P::PENDING, .hash = "old"},
                                 {.phase = P::PENDING, .hash = "old"},
                                 {.hash = "old"}});
  EXPECT_THAT(NamesOf(step.update), testing::ElementsAre("p-0", "p-1"));
}

TEST_F(PoolStepTest, ARollStopsWhereItsMembersDoNotRun) {
  const PoolStep step =
      Step(4, {{.phase = P::FAILED}, {.hash = "old"}, {.hash = "old"}, {.hash = "old"}});
  EXPECT_THAT(step.update, testing::IsEmpty());
  EXPECT_THAT(step.remove, testing::IsEmpty());
}

TEST_F(PoolStepTest, LeavesASuspendedMemberAlone) {
  EXPECT_THAT(
      NamesOf(Step(1, {{.age_seconds = 90, .suspended = true}, {.age_seconds = 10}}).remove),
      testing::ElementsAre("p-1"));
  EXPECT_THAT(Step(1, {{.hash = "old", .suspended = true}}).update, testing::IsEmpty());
  EXPECT_THAT(Step(1, {{.phase = P::FAILED, .ended = true, .suspended = true}}).remove,
              testing::IsEmpty());
}

TEST_F(PoolStepTest, GivesCanariesTheNewTemplateFirst) {
  const MemberRow old{.hash = "old"};
  const PoolStep first = Step(4, {old, old, old, old}, 4, 2);
  EXPECT_EQ(first.update.size(), 2u);
  EXPECT_EQ(first.waits, "0 of 2 canaries have proven themselves");
  // Running is not enough: for how long is what counts.
  const PoolStep young = Step(4, {{.age_seconds = 20}, {.age_seconds = 70}, old, old}, 4, 2);
  EXPECT_THAT(young.update, testing::IsEmpty());
  EXPECT_EQ(young.waits, "1 of 2 canaries have proven themselves");
  EXPECT_EQ(young.look_again, now_ + absl::Seconds(40));
  const PoolStep proven = Step(4, {{.age_seconds = 61}, {.age_seconds = 70}, old, old}, 4, 2);
  EXPECT_EQ(proven.update.size(), 2u);
  EXPECT_EQ(proven.waits, "");
  // No more of them than members.
  EXPECT_EQ(Step(1, {{.age_seconds = 70}, old}, 4, 5).remove.size(), 1u);
  EXPECT_EQ(Step(2, {{.age_seconds = 70}, {.age_seconds = 70}}, 4, 5).waits, "");
}

TEST_F(PoolStepTest, ARollStopsWhileAMemberFailsWithTheNewTemplate) {
  const MemberRow old{.hash = "old"};
  // It runs again, and has failed a moment ago.
  const PoolStep flaps = Step(4, {{.age_seconds = 20, .failures = 1}, old, old, old}, 4);
  EXPECT_THAT(flaps.update, testing::IsEmpty());
  EXPECT_THAT(flaps.stopped, HasSubstr("the roll stopped: p-0 fails with the new template"));
  EXPECT_EQ(flaps.look_again, now_ + absl::Seconds(40));
  const PoolStep ended = Step(4, {{.phase = P::FAILED, .ended = true}, old, old, old}, 4);
  EXPECT_THAT(ended.update, testing::IsEmpty());
  EXPECT_THAT(ended.stopped, HasSubstr(": exit code 1"));
  EXPECT_EQ(Step(4, {{.age_seconds = 61, .failures = 1}, old, old, old}, 4).update.size(), 3u);
  // One that fails with the old template is what the new one may be for.
  EXPECT_EQ(Step(2, {{.phase = P::STARTING, .hash = "old", .failures = 3}, old}, 2).update.size(),
            2u);
}

TEST_F(PoolStepTest, WaitsForClaimedMembers) {
  const MemberRow old{.hash = "old"};
  const MemberRow busy{.hash = "old", .claimed = true};
  const PoolStep step = Step(2, {busy, old}, 2);
  EXPECT_THAT(NamesOf(step.update), testing::ElementsAre("p-1"));
  EXPECT_EQ(step.waits, "waits for p-0, claimed by ci: job 4711");
  // Fewer are wanted: the claimed stay, even the older ones, and even if they are too many.
  EXPECT_THAT(NamesOf(Step(1, {{.age_seconds = 500, .claimed = true}, {}}).remove),
              testing::ElementsAre("p-1"));
  EXPECT_THAT(Step(0, {{.claimed = true}}).remove, testing::IsEmpty());
  // What has ended runs no job any more.
  EXPECT_THAT(NamesOf(Step(1, {{.phase = P::FAILED, .ended = true, .claimed = true}}).remove),
              testing::ElementsAre("p-0"));
}

TEST_F(PoolStepTest, ReplacesMembersThatHaveEndedAfterAWhile) {
  const PoolStep early = Step(1, {{.phase = P::FAILED, .age_seconds = 3, .ended = true}});
  EXPECT_TRUE(early.remove.empty());
  const PoolStep later = Step(1, {{.phase = P::FAILED, .age_seconds = 30, .ended = true}});
  EXPECT_THAT(NamesOf(later.remove), testing::ElementsAre("p-0"));
}

class PoolControllerTest : public testing::Test, public TestWorld {
 protected:
  static Resource Pool(int replicas, std::uint32_t cpu = 2) {
    Resource pool;
    pool.mutable_metadata()->set_name("ci");
    pool.mutable_metadata()->set_namespace_("default");
    v1::VmPoolSpec& spec = *pool.mutable_vm_pool()->mutable_spec();
    spec.mutable_template_()->set_image("sonoma");
    spec.mutable_template_()->set_cpu(cpu);
    spec.set_replicas(static_cast<std::uint32_t>(replicas));
    return pool;
  }
  v1::VmPoolStatus Status() { return Get({Kind::kVmPool, "default", "ci"})->vm_pool().status(); }
};

TEST_F(PoolControllerTest, MembersComeUpAndTheRestWaitsWithTheReason) {
  AddImages();
  AddHost("mac-01");
  Apply(Pool(3), Owner::GIT);
  const std::vector<std::string> names = Names(Kind::kVm);
  ASSERT_EQ(names.size(), 3u);
  for (const std::string& name : names) {
    EXPECT_THAT(name, testing::StartsWith("ci-"));
    EXPECT_EQ(Vm(name).metadata().owner().instance(), "vm_pool/default/ci");
  }
  RunAll();
  Pass(absl::Seconds(1), {"mac-01"});
  EXPECT_EQ(Status().members(), 3u);
  EXPECT_EQ(Status().running(), 2u);
  EXPECT_EQ(Status().pending(), 1u);
  EXPECT_EQ(Status().why(), "1 host: 1 no free macOS slot");
  EXPECT_EQ(Status().conditions().at("Ready").reason(), "Waiting");
  AddHost("mac-02");
  RunAll();
  Pass(absl::Seconds(1), {"mac-01", "mac-02"});
  EXPECT_EQ(Status().running(), 3u);
  EXPECT_EQ(Status().why(), "");
  EXPECT_EQ(Status().conditions().at("Ready").state(), v1::Condition::TRUE);
}

TEST_F(PoolControllerTest, ScalesDownAndGoesWithItsMembers) {
  AddImages();
  AddHost("mac-01");
  Apply(Pool(3), Owner::GIT);
  RunAll();
  Apply(Pool(1), Owner::GIT);
  EndAsked();
  EXPECT_EQ(Names(Kind::kVm).size(), 1u);
  EXPECT_EQ(Phase(Names(Kind::kVm).front()), P::RUNNING) << "the pending one went first";
  DeleteRequest request;
  *request.mutable_ref() = ToProto({Kind::kVmPool, "default", "ci"});
  request.mutable_owner()->set_manager(Owner::GIT);
  request.mutable_owner()->set_instance("fleet");
  ASSERT_TRUE(resources->Delete(AsAdmin(), request).ok());
  Settle();
  EXPECT_EQ(Names(Kind::kVmPool).size(), 1u) << "it stays until its members are gone";
  EndAsked();
  Settle();
  EXPECT_TRUE(Names(Kind::kVm).empty());
  EXPECT_TRUE(Names(Kind::kVmPool).empty());
}

TEST_F(PoolControllerTest, ANewTemplateRollsOneMemberAfterTheOther) {
  AddImages();
  AddHost("mac-01");
  AddHost("mac-02");
  Apply(Pool(3), Owner::GIT);
  RunAll();
  const std::vector<std::string> names = Names(Kind::kVm);
  Apply(Pool(3, /*cpu=*/4), Owner::GIT);
  for (int round = 0; round < 3; ++round) {
    int running = 0;
    for (const std::string& name : names) running += Phase(name) == P::RUNNING ? 1 : 0;
    EXPECT_EQ(running, 2) << "round " << round;
    EndAsked();
    RunAll();
    Pass(absl::Seconds(1), {"mac-01", "mac-02"});
  }
  EXPECT_EQ(Names(Kind::kVm), names) << "members keep their names";
  for (const std::string& name : names) EXPECT_EQ(Vm(name).vm().spec().cpu(), 4u);
  EXPECT_EQ(Status().outdated(), 0u);
  EXPECT_EQ(Status().running(), 3u);
}

TEST_F(PoolControllerTest, AMemberLostIsMadeAgain) {
  AddImages();
  AddHost("mac-01");
  Apply(Pool(2), Owner::GIT);
  RunAll();
  const std::string name = Names(Kind::kVm).front();
  DeleteRequest request;
  *request.mutable_ref() = ToProto(VmRef(name));
  request.mutable_owner()->set_manager(Owner::CONTROLLER);
  request.mutable_owner()->set_instance("vm_pool/default/ci");
  ASSERT_TRUE(resources->Delete(AsAdmin(), request).ok());
  Settle();
  EndAsked();
  EXPECT_EQ(Names(Kind::kVm).size(), 2u);
  EXPECT_TRUE(absl::IsNotFound(Get(VmRef(name)).status()));
}

TEST_F(PoolControllerTest, ATemplateThatIsRefusedStandsInTheStatus) {
  Resource pool = Pool(2);
  pool.mutable_metadata()->set_name(std::string(60, 'p'));
  Apply(pool, Owner::GIT);
  const auto status = Get({Kind::kVmPool, "default", std::string(60, 'p')})->vm_pool().status();
  EXPECT_EQ(status.members(), 0u);
  EXPECT_EQ(status.conditions().at("Ready").reason(), "Refused");
  EXPECT_THAT(status.why(), HasSubstr("name"));
}

}  // namespace
}  // namespace espalier::control
