#include "provider/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::provider {
namespace {

using ::testing::HasSubstr;
using Progress = Verdict::Progress;
using P = v1::VmPlacement;

Resource VmIn(P::Phase phase, v1::VmSpec::Power power = v1::VmSpec::ON) {
  Resource vm;
  vm.mutable_metadata()->set_generation(3);
  vm.mutable_vm()->mutable_spec()->set_power(power);
  P& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_phase(phase);
  placement.set_why("because");
  placement.set_observed_generation(3);
  if (phase != P::PENDING && phase != P::STOPPED) placement.set_host("mac-01");
  return vm;
}

TEST(ReadinessTest, AVmIsReadyWhenItRunsAsDeclared) {
  EXPECT_EQ(ReadinessOf(VmIn(P::RUNNING)).progress, Progress::kDone);
  EXPECT_EQ(ReadinessOf(VmIn(P::PENDING)).progress, Progress::kWaiting);
  EXPECT_THAT(ReadinessOf(VmIn(P::PENDING)).why, HasSubstr("pending: because"));
  EXPECT_EQ(ReadinessOf(VmIn(P::FAILED)).progress, Progress::kFailed);
  EXPECT_EQ(ReadinessOf(VmIn(P::STOPPED)).progress, Progress::kFailed);
  // It was powered off until just now.
  Resource old_news = VmIn(P::STOPPED);
  old_news.mutable_metadata()->set_generation(4);
  EXPECT_EQ(ReadinessOf(old_news).progress, Progress::kWaiting);
}

TEST(ReadinessTest, AVmThatIsOffIsReadyWhenItHasLeftItsHost) {
  EXPECT_EQ(ReadinessOf(VmIn(P::STOPPING, v1::VmSpec::OFF)).progress, Progress::kWaiting);
  EXPECT_EQ(ReadinessOf(VmIn(P::STOPPED, v1::VmSpec::OFF)).progress, Progress::kDone);
}

TEST(ReadinessTest, AnImageIsReadyWhenItsDigestIsKnown) {
  Resource image;
  image.mutable_image()->mutable_spec()->set_reference("registry.example/x:1");
  EXPECT_EQ(ReadinessOf(image).progress, Progress::kWaiting);
  v1::ImageStatus& status = *image.mutable_image()->mutable_status();
  (*status.mutable_conditions())["Resolved"].set_state(v1::Condition::FALSE);
  (*status.mutable_conditions())["Resolved"].set_message("no such tag");
  EXPECT_EQ(ReadinessOf(image).progress, Progress::kWaiting);
  EXPECT_THAT(ReadinessOf(image).why, HasSubstr("no such tag"));
  status.set_digest("sha256:a");
  status.set_resolved_reference("registry.example/x:0");
  EXPECT_EQ(ReadinessOf(image).progress, Progress::kWaiting) << "that was the last reference's";
  EXPECT_FALSE(IsOfItsSpec(image));
  status.set_resolved_reference("registry.example/x:1");
  EXPECT_EQ(ReadinessOf(image).progress, Progress::kDone);
  EXPECT_TRUE(IsOfItsSpec(image));
}

TEST(ReadinessTest, AVmIsReachableWhenTheReportOfThisRunSaysWhere) {
  const Wish wish{.condition = kReachable, .min_ready = 0};
  Resource vm = VmIn(P::RUNNING);
  vm.mutable_metadata()->set_uid("u");
  vm.mutable_vm()->mutable_status()->mutable_placement()->set_attempt(2);
  v1::VmObserved& observed = *vm.mutable_vm()->mutable_status()->mutable_observed();
  observed.set_uid("u");
  observed.set_attempt(2);
  observed.set_ip("10.0.0.7");
  EXPECT_EQ(ReadinessOf(vm, wish).progress, Progress::kWaiting) << "no port";
  (*observed.mutable_ports())["ssh"] = 8822;
  EXPECT_EQ(ReadinessOf(vm, wish).progress, Progress::kDone);
  observed.set_attempt(1);
  EXPECT_EQ(ReadinessOf(vm, wish).progress, Progress::kWaiting) << "that was the last run's";
  EXPECT_THAT(ReadinessOf(vm, wish).why, HasSubstr("mac-01"));
  EXPECT_EQ(ReadinessOf(VmIn(P::FAILED), wish).progress, Progress::kFailed);
  EXPECT_EQ(ReadinessOf(VmIn(P::STOPPED, v1::VmSpec::OFF), wish).progress, Progress::kDone);
}

TEST(ReadinessTest, WhatIsOnlyAcceptedIsReadyAtOnce) {
  const Wish wish{.condition = kAccepted, .min_ready = 0};
  EXPECT_EQ(ReadinessOf(VmIn(P::PENDING), wish).progress, Progress::kDone);
  Resource image;
  image.mutable_image();
  EXPECT_EQ(ReadinessOf(image, wish).progress, Progress::kDone);
}

TEST(ReadinessTest, EveryConditionHasItsWords) {
  for (const KindInfo& kind : AllKinds()) {
    for (const std::string& condition : ConditionsOf(kind.kind)) {
      EXPECT_NE(DescribeCondition(condition), "") << condition;
    }
  }
  EXPECT_EQ(ConditionsOf(Kind::kVm).front(), kRunning);
  EXPECT_TRUE(ConditionsOf(Kind::kHost).empty());
}

TEST(ReadinessTest, APoolIsReadyWhenEnoughMembersRun) {
  Resource pool;
  pool.mutable_vm_pool()->mutable_spec()->set_replicas(5);
  pool.mutable_vm_pool()->mutable_status()->set_running(2);
  pool.mutable_vm_pool()->mutable_status()->set_why("1 host: 1 full");
  EXPECT_EQ(ReadinessOf(pool).progress, Progress::kDone);
  EXPECT_EQ(ReadinessOf(pool, {.condition = "", .min_ready = 2}).progress, Progress::kDone);
  const Verdict waiting = ReadinessOf(pool, {.condition = "", .min_ready = 3});
  EXPECT_EQ(waiting.progress, Progress::kWaiting);
  EXPECT_EQ(waiting.why, "2 of 5 members run; the others wait: 1 host: 1 full.");
  // It was made smaller.
  pool.mutable_vm_pool()->mutable_spec()->set_replicas(2);
  EXPECT_EQ(ReadinessOf(pool, {.condition = "", .min_ready = 3}).progress, Progress::kDone);
}

TEST(ReadinessTest, OtherKindsAreReadyOnceAccepted) {
  Resource pool;
  pool.mutable_vm_pool();
  EXPECT_EQ(ReadinessOf(pool).progress, Progress::kDone);
}

}  // namespace
}  // namespace espalier::provider
