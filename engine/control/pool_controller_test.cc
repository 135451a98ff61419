// Pools: their steps as a pure decision, and their members through the real engine.
#include "engine/control/pool_controller.h"

#include <algorithm>

#include "engine/control/test_world.h"
#include "engine/control/timestamps.h"
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
};

class PoolStepTest : public testing::Test {
 protected:
  PoolStep Step(int replicas, const std::vector<MemberRow>& rows, int max_unavailable = 1) {
    v1::VmPoolSpec pool;
    pool.set_replicas(static_cast<std::uint32_t>(replicas));
    pool.set_max_unavailable(static_cast<std::uint32_t>(max_unavailable));
    members_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Resource vm = TestWorld::VmNamed(absl::StrCat("p-", i));
      (*vm.mutable_metadata()->mutable_annotations())[kTemplateAnnotation] = rows[i].hash;
      SetTimestamp(now_ - absl::Seconds(rows[i].age_seconds),
                   *vm.mutable_metadata()->mutable_created_at());
      P& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
      placement.set_phase(rows[i].phase);
      placement.set_stop(rows[i].ended);
      if (rows[i].phase != P::PENDING) placement.set_host("mac-01");
      SetTimestamp(now_ - absl::Seconds(rows[i].age_seconds), *placement.mutable_since());
      members_.push_back(std::move(vm));
    }
    std::vector<const Resource*> pointers;
    for (const Resource& vm : members_) pointers.push_back(&vm);
    return StepOf(pool, pointers, kNow, now_);
  }
  static std::vector<std::string> NamesOf(const std::vector<const Resource*>& vms) {
    std::vector<std::string> names;
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
