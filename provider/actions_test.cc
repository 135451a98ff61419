// Actions against an engine in memory, as core plans and invokes them.
#include "provider/actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provider/conform.h"
#include "provider/testing/provider_world.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Ref kBuild{Kind::kVm, "ci", "build"};
const Ref kMac{Kind::kHost, "", "mac-01"};
const Ref kCache{Kind::kImageCache, "", "all"};

class ActionsTest : public testing::Test, protected ProviderWorld {
 protected:
  ActionsTest() {
    ConfigureAtEngine({{"namespace", Text("ci")}});
    // Each wait begins with what the next step makes of the fleet.
    engine_.on_watching = [this] {
      if (next_ < steps_.size()) steps_[next_++]();
    };
  }

  static const Attributes& AttributesOf(const std::string& type) {
    return FindActionType(type)->schema.attributes;
  }

  // What it ended with. The progress is in `told_`.
  std::string Invoke(const std::string& type, Value::Entries config) {
    tfplugin6::InvokeAction::Request request;
    request.set_action_type(type);
    if (FindActionType(type) != nullptr) {
      Encode(ObjectOf(AttributesOf(type), std::move(config)), *request.mutable_config());
    }
    told_.clear();
    int completed = 0;
    std::string errors;
    provider_.Handle(request, [&](const tfplugin6::InvokeAction::Event& event) {
      EXPECT_EQ(completed, 0) << "nothing comes after the completion";
      if (event.has_completed()) {
        ++completed;
        errors = Errors(event.completed());
      } else {
        EXPECT_TRUE(event.has_progress());
        told_.push_back(event.progress().message());
        if (on_progress_) on_progress_();
      }
      return !deaf_;
    });
    EXPECT_EQ(completed, 1);
    return errors;
  }

  std::string Plan(const std::string& type, Value config) {
    tfplugin6::PlanAction::Request request;
    request.set_action_type(type);
    Encode(*Conform(AttributesOf(type), std::move(config), Strictness::kLenient),
           *request.mutable_config());
    const auto response = Ask<tfplugin6::PlanAction>(request);
    EXPECT_FALSE(response.has_deferred());
    tfplugin6::ValidateActionConfig::Request validate;
    validate.set_type_name(type);
    *validate.mutable_config() = request.config();
    EXPECT_EQ(Errors(Ask<tfplugin6::ValidateActionConfig>(validate)), Errors(response));
    return Errors(response);
  }

  void PutVm(const std::string& name, v1::VmPlacement::Phase phase, const std::string& host,
             std::int64_t attempt, const std::string& why = "") {
    Resource vm;
    const Ref ref{Kind::kVm, "ci", name};
    if (const Resource* there = engine_.objects().Find(ref)) vm = *there;
    vm.mutable_metadata()->set_namespace_("ci");
    vm.mutable_metadata()->set_name(name);
    vm.mutable_vm()->mutable_spec()->set_power(v1::VmSpec::ON);
    v1::VmPlacement& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
    placement.set_phase(phase);
    placement.set_host(host);
    placement.set_attempt(attempt);
    placement.set_why(why);
    engine_.objects().Put(std::move(vm));
  }

  void PutHost() {
    Resource host;
    host.mutable_metadata()->set_name("mac-01");
    host.mutable_host();
    engine_.objects().Put(std::move(host));
  }

  void PutCache(bool asking, int wanted, int ready, int failed = 0) {
    Resource cache;
    if (const Resource* there = engine_.objects().Find(kCache)) cache = *there;
    cache.mutable_metadata()->set_name("all");
    if (!asking) cache.mutable_metadata()->clear_holds();
    v1::ImageCacheStatus& status = *cache.mutable_image_cache()->mutable_status();
    status.set_wanted(wanted);
    status.set_ready(ready);
    status.set_failed(failed);
    (*status.mutable_conditions())["Ready"].set_message(failed > 0 ? "host mac-01: disk full" : "");
    engine_.objects().Put(std::move(cache));
  }

  const auto& Holds(const Ref& ref) { return engine_.objects().Find(ref)->metadata().holds(); }

  std::vector<std::function<void()>> steps_;
  std::size_t next_ = 0;
  std::function<void()> on_progress_;
  bool deaf_ = false;
  std::vector<std::string> told_;
};

TEST_F(ActionsTest, ARestartHoldsTheVmOffUntilItHasStoppedAndLetsItGo) {
  PutVm("build", v1::VmPlacement::RUNNING, "mac-01", 3);
  steps_ = {[this] { PutVm("build", v1::VmPlacement::STOPPED, "", 3, "powered off"); },
            [this] { PutVm("build", v1::VmPlacement::RUNNING, "mac-02", 4); }};
  EXPECT_EQ(Invoke("espalier_vm_restart", {{"name", Text("build")}, {"reason", Text("INC-7")}}),
            "");
  EXPECT_THAT(told_, ElementsAre("vm ci/build is being stopped on mac-01",
                                 "vm ci/build runs again on mac-02"));
  ASSERT_THAT(engine_.applies, SizeIs(2));
  const v1::HoldChange& off = engine_.applies[0].holds(0);
  EXPECT_EQ(off.hold(), "power");
  EXPECT_EQ(off.why(), "restart by terraform prod: INC-7");
  EXPECT_EQ(off.seconds(), 11 * 60) << "it ends by itself should nobody live to end it";
  EXPECT_TRUE(engine_.applies[1].holds(0).clear());
  EXPECT_EQ(engine_.applies[0].owner().instance(), "prod");
  EXPECT_THAT(Holds(kBuild), IsEmpty());
}

TEST_F(ActionsTest, ARestartTellsEachStepOnce) {
  PutVm("build", v1::VmPlacement::RUNNING, "mac-01", 3);
  on_progress_ = [this] {
    switch (told_.size()) {
      case 2:
        return PutVm("build", v1::VmPlacement::STOPPED, "", 3);
      case 4:
        return PutVm("build", v1::VmPlacement::RUNNING, "mac-01", 4);
      default:
        return;
    }
  };
  steps_ = {[this] { PutVm("build", v1::VmPlacement::STOPPING, "mac-01", 3, "powered off"); },
            [this] { PutVm("build", v1::VmPlacement::PENDING, "", 3, "1 host: 1 full"); }};
  on_progress_ = [this, more = on_progress_] {
    more();
    if (told_.size() == 3) PutVm("build", v1::VmPlacement::STARTING, "mac-01", 4);
  };
  EXPECT_EQ(Invoke("espalier_vm_restart", {{"name", Text("build")}}), "");
  EXPECT_THAT(told_,
              ElementsAre("vm ci/build is being stopped on mac-01",
                          "vm ci/build is being stopped on mac-01: powered off",
                          "vm ci/build starts: 1 host: 1 full", "vm ci/build starts on mac-01",
                          "vm ci/build runs again on mac-01"));
}

TEST_F(ActionsTest, ARestartLeavesAloneWhatIsOff) {
  EXPECT_THAT(Invoke("espalier_vm_restart", {{"name", Text("build")}}),
              HasSubstr("name: Cannot restart vm ci/build: There is no such VM."));
  PutVm("build", v1::VmPlacement::STOPPED, "", 3);
  Resource vm = *engine_.objects().Find(kBuild);
  (*vm.mutable_metadata()->mutable_holds())["power"].set_by("ana");
  (*vm.mutable_metadata()->mutable_holds())["power"].set_why("too hot");
  engine_.objects().Put(vm);
  EXPECT_THAT(Invoke("espalier_vm_restart", {{"name", Text("build")}}),
              HasSubstr("powered off by ana: too hot"));
  EXPECT_EQ(Holds(kBuild).at("power").by(), "ana");
  EXPECT_THAT(engine_.applies, IsEmpty());
}

TEST_F(ActionsTest, ARestartThatEndsEarlyLetsTheVmRun) {
  // It does not stop in time.
  PutVm("build", v1::VmPlacement::RUNNING, "mac-01", 3);
  EXPECT_THAT(Invoke("espalier_vm_restart", {{"name", Text("build")}, {"timeout", Text("30s")}}),
              AllOf(HasSubstr("Cannot restart vm ci/build"), HasSubstr("not done after 30s")));
  EXPECT_THAT(Holds(kBuild), IsEmpty());
  // Core is gone.
  deaf_ = true;
  Invoke("espalier_vm_restart", {{"name", Text("build")}});
  EXPECT_THAT(Holds(kBuild), IsEmpty());
  deaf_ = false;
  // The user interrupts.
  next_ = 0;
  steps_ = {[this] { Interrupt(); }};
  EXPECT_THAT(Invoke("espalier_vm_restart", {{"name", Text("build")}}), HasSubstr("interrupted"));
  EXPECT_THAT(Holds(kBuild), IsEmpty());
}

TEST_F(ActionsTest, ARestartSaysWhyTheVmDoesNotComeBack) {
  PutVm("build", v1::VmPlacement::RUNNING, "mac-01", 3);
  steps_ = {[this] { PutVm("build", v1::VmPlacement::STOPPED, "", 3); },
            [this] { PutVm("build", v1::VmPlacement::FAILED, "mac-01", 4, "no such disk"); }};
  EXPECT_THAT(Invoke("espalier_vm_restart", {{"name", Text("build")}}),
              AllOf(HasSubstr("Stopped vm ci/build, but it does not run again"),
                    HasSubstr("no such disk")));
}

TEST_F(ActionsTest, ADrainWaitsUntilTheHostIsEmptyAndStands) {
  PutHost();
  PutVm("a", v1::VmPlacement::RUNNING, "mac-01", 1);
  PutVm("b", v1::VmPlacement::RUNNING, "mac-01", 1);
  PutVm("elsewhere", v1::VmPlacement::RUNNING, "mac-02", 1);
  on_progress_ = [this] {
    if (told_.size() == 1) PutVm("a", v1::VmPlacement::RUNNING, "mac-02", 2);
    if (told_.size() == 2) PutVm("b", v1::VmPlacement::PENDING, "", 1);
  };
  EXPECT_EQ(Invoke("espalier_host_drain", {{"name", Text("mac-01")},
                                           {"reason", Text("disk swap")},
                                           {"hold_seconds", Whole(3600)}}),
            "");
  EXPECT_THAT(told_, ElementsAre("host mac-01: 0 of 2 VMs have left, still there: ci/a, ci/b",
                                 "host mac-01: 1 of 2 VMs have left, still there: ci/b",
                                 "host mac-01 is empty"));
  ASSERT_THAT(engine_.applies, SizeIs(1));
  EXPECT_EQ(engine_.applies[0].holds(0).seconds(), 3600);
  EXPECT_EQ(Holds(kMac).at("drain").why(), "drain by terraform prod: disk swap");
}

TEST_F(ActionsTest, ADrainThatIsNotDoneSaysWhatIsLeft) {
  PutHost();
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) {
    PutVm(name, v1::VmPlacement::STOPPING, "mac-01", 1);
  }
  const Value::Entries config = {
      {"name", Text("mac-01")}, {"reason", Text("x")}, {"timeout", Text("1m")}};
  EXPECT_THAT(
      Invoke("espalier_host_drain", config),
      AllOf(HasSubstr("host mac-01 is not empty yet"), HasSubstr("not done after 1m"),
            HasSubstr("0 of 7 VMs"), HasSubstr("ci/e and 2 more"), HasSubstr("uncordon mac-01")));
  EXPECT_TRUE(Holds(kMac).contains("drain"));
  steps_ = {[this] { Interrupt(); }};
  EXPECT_THAT(Invoke("espalier_host_drain", config), HasSubstr("interrupted"));
  EXPECT_TRUE(Holds(kMac).contains("drain")) << "what was asked for goes on";
}

TEST_F(ActionsTest, ADrainEndsWhenSomebodyEndsIt) {
  PutHost();
  PutVm("a", v1::VmPlacement::RUNNING, "mac-01", 1);
  on_progress_ = [this] {
    Resource host = *engine_.objects().Find(kMac);
    host.mutable_metadata()->clear_holds();
    engine_.objects().Put(std::move(host));
  };
  EXPECT_THAT(
      Invoke("espalier_host_drain", {{"name", Text("mac-01")}, {"reason", Text("disk swap")}}),
      HasSubstr("Somebody ended the drain."));
}

TEST_F(ActionsTest, ARefreshWaitsForAnswersAndForWhatTheyStandFor) {
  PutCache(false, 2, 2);
  on_progress_ = [this] {
    if (told_.size() == 1) PutCache(false, 2, 0);
    if (told_.size() == 2) PutCache(false, 2, 1, 1);
    if (told_.size() == 3) PutCache(false, 2, 2);
  };
  EXPECT_EQ(Invoke("espalier_image_cache_refresh", {{"name", Text("all")}}), "");
  EXPECT_THAT(told_, ElementsAre("image_cache all: registries are asked",
                                 "image_cache all: 0 of 2 images are there",
                                 "image_cache all: 1 of 2 images are there, 1 failed: host mac-01: "
                                 "disk full",
                                 "image_cache all: 2 of 2 images are there"));
}

TEST_F(ActionsTest, WhatTheEngineRefusesCompletesOnce) {
  engine_.failures = {absl::PermissionDeniedError("role admin is missing")};
  EXPECT_THAT(Invoke("espalier_host_drain", {{"name", Text("mac-01")}, {"reason", Text("x")}}),
              HasSubstr("role admin is missing"));
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_THAT(Invoke("espalier_host_drain", {{"name", Text("mac-01")}, {"reason", Text("x")}}),
              HasSubstr("Cannot drain host mac-01"));
  EXPECT_THAT(Invoke("espalier_vm_restart", {{"name", Value::Unknown()}}),
              HasSubstr("not wholly known"));
  EXPECT_THAT(Invoke("espalier_vm_delete", {}), HasSubstr("has no espalier_vm_delete"));
}

TEST_F(ActionsTest, PlansTakeWhatIsNotKnownAndNameMistakes) {
  EXPECT_EQ(Plan("espalier_vm_restart", Value::Unknown()), "");
  EXPECT_EQ(Plan("espalier_vm_restart",
                 Value::Map({{"name", Value::Unknown()}, {"timeout", Value::Unknown()}})),
            "");
  EXPECT_THAT(Plan("espalier_vm_restart", Value()), HasSubstr("No configuration"));
  EXPECT_THAT(
      Plan("espalier_vm_restart", Value::Map({{"name", Text("a b")}, {"timeout", Text("-1s")}})),
      AllOf(HasSubstr("name: Invalid name"), HasSubstr("timeout: Invalid timeout")));
  // A VM would be held off for as long.
  for (const char* endless : {"inf", "+inf", "infinity", "9999999999h", "168h0.1s", "0", ""}) {
    EXPECT_EQ(Plan("espalier_vm_restart",
                   Value::Map({{"name", Text("build")}, {"timeout", Text(endless)}})),
              "timeout: Invalid timeout: It must be a duration like \"90s\" or \"1h30m\", at most "
              "\"168h\".\n")
        << endless;
  }
  EXPECT_EQ(
      Plan("espalier_vm_restart", Value::Map({{"name", Text("build")}, {"timeout", Text("168h")}})),
      "");
  EXPECT_THAT(Plan("espalier_host_drain",
                   Value::Map({{"name", Text("mac-01")}, {"hold_seconds", Whole(0)}})),
              HasSubstr("hold_seconds: Invalid hold_seconds"));
  EXPECT_THAT(engine_.applies, IsEmpty());
}

}  // namespace
}  // namespace espalier::provider
