#include "reconciler/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "engine/model/access.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using State = Health::State;
using Placement = v1::VmPlacement;

Resource Object(Kind kind, const std::string& name = "build") {
  Resource object;
  SetKind(object, kind);
  object.mutable_metadata()->set_name(name);
  object.mutable_metadata()->set_generation(2);
  return object;
}

Resource Vm(Placement::Phase phase, const std::string& why = "", std::int64_t seen = 2) {
  Resource vm = Object(Kind::kVm);
  Placement& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_phase(phase);
  placement.set_why(why);
  placement.set_host("mac-01");
  placement.set_observed_generation(seen);
  return vm;
}

TEST(HealthTest, OfAVm) {
  struct Row {
    Resource vm;
    State state;
    const char* why;
  };
  Resource off = Vm(Placement::RUNNING);
  off.mutable_vm()->mutable_spec()->set_power(v1::VmSpec::OFF);
  for (const Row& row :
       {Row{Vm(Placement::RUNNING), State::kReady, ""},
        Row{Vm(Placement::RUNNING, "", 1), State::kProgressing, "not looked at yet"},
        Row{Vm(Placement::PENDING, "6 no free slot"), State::kProgressing,
            "pending: 6 no free slot"},
        Row{Vm(Placement::STARTING), State::kProgressing, "starting"},
        Row{Vm(Placement::FAILED, "no such image"), State::kFailed, "failed: no such image"},
        Row{Vm(Placement::UNKNOWN), State::kUnknown, "host mac-01 is silent"},
        Row{Vm(Placement::STOPPED), State::kReady, ""},
        Row{Vm(Placement::EXPIRED), State::kReady, ""},
        Row{off, State::kProgressing, "is to be off"}}) {
    const Health health = HealthOf(row.vm);
    EXPECT_EQ(health.state, row.state) << row.why;
    EXPECT_EQ(health.why, row.why);
  }
}

TEST(HealthTest, OfAPoolCountsItsMembers) {
  Resource pool = Object(Kind::kVmPool);
  EXPECT_EQ(HealthOf(pool).state, State::kProgressing);
  pool.mutable_vm_pool()->mutable_spec()->set_replicas(3);
  v1::VmPoolStatus& status = *pool.mutable_vm_pool()->mutable_status();
  v1::Condition& ready = (*status.mutable_conditions())["Ready"];
  ready.set_state(v1::Condition::TRUE);
  ready.set_message("2 of 2 run");
  status.set_running(2);
  EXPECT_EQ(HealthOf(pool).state, State::kProgressing) << "the status is about the old spec";
  status.set_running(3);
  EXPECT_EQ(HealthOf(pool).state, State::kReady);
  status.set_outdated(1);
  EXPECT_EQ(HealthOf(pool).state, State::kProgressing);
  ready.set_state(v1::Condition::FALSE);
  ready.set_reason("Refused");
  EXPECT_EQ(HealthOf(pool).state, State::kFailed);
}

TEST(HealthTest, OfHostsImagesAndCaches) {
  Resource host = Object(Kind::kHost);
  EXPECT_EQ(HealthOf(host).state, State::kProgressing);
  v1::HostLiveness& liveness = *host.mutable_host()->mutable_status()->mutable_liveness();
  liveness.set_state(v1::HostLiveness::READY);
  EXPECT_EQ(HealthOf(host).state, State::kReady);
  liveness.set_state(v1::HostLiveness::UNKNOWN);
  EXPECT_EQ(HealthOf(host).state, State::kUnknown);

  Resource image = Object(Kind::kImage);
  image.mutable_image()->mutable_spec()->set_reference("r.example/sonoma:2");
  EXPECT_EQ(HealthOf(image).state, State::kProgressing);
  image.mutable_image()->mutable_status()->set_digest("sha256:1");
  image.mutable_image()->mutable_status()->set_resolved_reference("r.example/sonoma:1");
  EXPECT_EQ(HealthOf(image).state, State::kProgressing) << "another reference was resolved";
  image.mutable_image()->mutable_status()->set_resolved_reference("r.example/sonoma:2");
  EXPECT_EQ(HealthOf(image).state, State::kReady);

  Resource cache = Object(Kind::kImageCache);
  EXPECT_EQ(HealthOf(cache).state, State::kProgressing);
  v1::Condition& ready =
      (*cache.mutable_image_cache()->mutable_status()->mutable_conditions())["Ready"];
  ready.set_state(v1::Condition::TRUE);
  EXPECT_EQ(HealthOf(cache).state, State::kReady);
  EXPECT_EQ(HealthOf(Object(Kind::kNamespace)).state, State::kReady);
}

TEST(HealthSumTest, SaysWhatIsNotReadyAndWhenThatIsTooLate) {
  HealthSum sum;
  sum.Add(Vm(Placement::RUNNING), /*late=*/true);
  EXPECT_EQ(sum.ToVerdict().state, v1::Condition::TRUE) << "what is ready is not late";
  EXPECT_EQ(sum.ToVerdict().message, "1 object is ready");
  sum.Add(Vm(Placement::PENDING, "no free slot"));
  EXPECT_EQ(sum.ToVerdict().state, v1::Condition::UNKNOWN);
  EXPECT_EQ(sum.ToVerdict().message,
            "1 of 2 objects is not ready: vm default/build (pending: no free slot)");
  sum.Add(Vm(Placement::STARTING), /*late=*/true);
  EXPECT_EQ(sum.ToVerdict().reason, "NotReadyInTime");
  EXPECT_THAT(sum.ToVerdict().message, HasSubstr("ready: vm default/build (starting), vm"))
      << "what is late is named first";
  for (int i = 0; i < 10; ++i) sum.Add(Vm(Placement::FAILED, "no such image"));
  EXPECT_EQ(sum.ToVerdict().reason, "Failed") << "a failure is not waited for";
  EXPECT_THAT(sum.ToVerdict().message, HasSubstr("12 of 13 objects are not ready: "));
  EXPECT_THAT(sum.ToVerdict().message, HasSubstr(", ..."));
}

}  // namespace
}  // namespace espalier
