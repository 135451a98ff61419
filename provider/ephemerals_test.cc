// Ephemeral resources against an engine in memory, as core opens and closes them.
#include "provider/ephemerals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provider/testing/provider_world.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EphemeralsTest : public testing::Test, protected ProviderWorld {
 protected:
  EphemeralsTest() { ConfigureAtEngine({{"namespace", Text("ci")}}); }

  static const Attributes& AttributesOf(const std::string& type) {
    return FindEphemeralType(type)->schema.attributes;
  }

  tfplugin6::OpenEphemeralResource::Response Open(const std::string& type, Value::Entries config) {
    tfplugin6::OpenEphemeralResource::Request request;
    request.set_type_name(type);
    Encode(ObjectOf(AttributesOf(type), std::move(config)), *request.mutable_config());
    auto response = Ask<tfplugin6::OpenEphemeralResource>(request);
    EXPECT_FALSE(response.has_renew_at());
    EXPECT_FALSE(response.has_deferred());
    return response;
  }

  Value ResultOf(const std::string& type,
                 const tfplugin6::OpenEphemeralResource::Response& response) {
    EXPECT_EQ(Errors(response), "");
    return Decoded(AttributesOf(type), response.result());
  }

  std::string Close(const std::string& type, const std::string& private_data) {
    tfplugin6::CloseEphemeralResource::Request request;
    request.set_type_name(type);
    request.set_private_(private_data);
    return Errors(Ask<tfplugin6::CloseEphemeralResource>(request));
  }

  std::string Validate(const std::string& type, Value::Entries config) {
    tfplugin6::ValidateEphemeralResourceConfig::Request request;
    request.set_type_name(type);
    Encode(ObjectOf(AttributesOf(type), std::move(config)), *request.mutable_config());
    return Errors(Ask<tfplugin6::ValidateEphemeralResourceConfig>(request));
  }

  // A VM that is there but does not run yet.
  void PutVm() {
    Resource vm;
    vm.mutable_metadata()->set_namespace_("ci");
    vm.mutable_metadata()->set_name("build");
    vm.mutable_metadata()->set_uid("uid-1");
    vm.mutable_vm()->mutable_spec()->set_power(v1::VmSpec::ON);
    engine_.objects().Put(std::move(vm));
    engine_.Place(v1::VmPlacement::PENDING, "1 host: 1 cordoned");
  }

  void MakeReachable() {
    engine_.Place(v1::VmPlacement::RUNNING, "");
    Resource vm = *engine_.objects().Find(Ref{Kind::kVm, "ci", "build"});
    v1::VmObserved& observed = *vm.mutable_vm()->mutable_status()->mutable_observed();
    observed.set_uid(vm.metadata().uid());
    (*observed.mutable_ports())["ssh"] = 8822;
    (*observed.mutable_ports())["vnc"] = 5999;
    (*observed.mutable_ports())["http"] = 8080;
    engine_.objects().Put(std::move(vm));
  }
};

TEST_F(EphemeralsTest, ATokenLivesUntilItIsClosed) {
  const auto opened = Open("espalier_token", {{"role", Text("agent")}, {"host", Text("mac-01")}});
  const Value result = ResultOf("espalier_token", opened);
  EXPECT_EQ(result.At("token"), Text("esp_token-1_secret"));
  EXPECT_EQ(result.At("id"), Text("token-1"));
  EXPECT_EQ(result.At("role"), Text("agent"));
  EXPECT_EQ(result.At("host"), Text("mac-01"));
  // Core takes nothing else for what was left out.
  EXPECT_TRUE(result.At("source").is_null());
  EXPECT_EQ(result.At("ttl_seconds"), Whole(4 * 3600));
  EXPECT_EQ(result.At("expires_at"), Text("1970-01-01T04:00:00+00:00"));
  EXPECT_EQ(engine_.tokens.at("token-1").role(), v1::TokenInfo::AGENT);
  EXPECT_EQ(engine_.tokens.at("token-1").host(), "mac-01");
  EXPECT_EQ(opened.private_(), "token-1");

  EXPECT_EQ(Close("espalier_token", opened.private_()), "");
  EXPECT_THAT(engine_.tokens, IsEmpty());
  // It ended by its time, or was revoked by hand.
  EXPECT_EQ(Close("espalier_token", opened.private_()), "");
  // No core does that. A diagnostic that holds such bytes would not arrive.
  EXPECT_THAT(Close("espalier_token", "\xff"), HasSubstr("did not say which"));
}

TEST_F(EphemeralsTest, EveryRoleIsTheOneOfItsName) {
  const std::pair<const char*, v1::TokenInfo::Role> roles[] = {
      {"admin", v1::TokenInfo::ADMIN},
      {"editor", v1::TokenInfo::EDITOR},
      {"viewer", v1::TokenInfo::VIEWER},
      {"agent", v1::TokenInfo::AGENT},
      {"reconciler", v1::TokenInfo::RECONCILER}};
  for (const auto& [name, role] : roles) {
    const auto opened = Open("espalier_token", {{"role", Text(name)}, {"ttl_seconds", Whole(60)}});
    EXPECT_EQ(engine_.tokens.at(opened.private_()).role(), role) << name;
    EXPECT_EQ(engine_.ttl_seconds, 60);
  }
}

TEST_F(EphemeralsTest, ATokenThatIsRefusedOpensNothing) {
  engine_.failures = {absl::PermissionDeniedError("role admin is missing")};
  const auto opened = Open("espalier_token", {{"role", Text("admin")}});
  EXPECT_THAT(Errors(opened), HasSubstr("role admin is missing"));
  EXPECT_FALSE(opened.has_result());
  EXPECT_FALSE(opened.has_private_());
}

// The engine knows no name of this write: asked again, it would make a second one.
TEST_F(EphemeralsTest, ATokenIsAskedForOnceUnlessTheEngineHeardNothing) {
  engine_.failures = {Unsent(absl::UnavailableError("Connection refused")),
                      Unsent(absl::UnavailableError("Connection refused"))};
  const auto opened = Open("espalier_token", {{"role", Text("viewer")}});
  EXPECT_EQ(Errors(opened), "");
  EXPECT_THAT(engine_.tokens, SizeIs(1));

  for (const absl::Status& lost :
       {absl::UnavailableError("Socket closed"), absl::DeadlineExceededError("too late")}) {
    engine_.failures = {lost, absl::InternalError("asked again")};
    const auto unsure = Open("espalier_token", {{"role", Text("viewer")}});
    EXPECT_THAT(engine_.failures, SizeIs(1)) << lost;
    EXPECT_FALSE(unsure.has_result());
    ASSERT_THAT(unsure.diagnostics(), SizeIs(2));
    EXPECT_THAT(unsure.diagnostics(0).detail(), HasSubstr(std::string(lost.message())));
    EXPECT_EQ(unsure.diagnostics(1).severity(), tfplugin6::Diagnostic::WARNING);
    EXPECT_THAT(unsure.diagnostics(1).detail(), HasSubstr("after 14400 seconds"));
  }
}

TEST_F(EphemeralsTest, ATokenThatCannotBeRevokedIsNamed) {
  const auto opened = Open("espalier_token", {{"role", Text("viewer")}});
  engine_.failures = {absl::PermissionDeniedError("you may not")};
  const std::string errors = Close("espalier_token", opened.private_());
  EXPECT_THAT(errors, HasSubstr("token-1, which ends by its time"));
  EXPECT_THAT(errors, Not(HasSubstr("secret")));
  EXPECT_THAT(engine_.tokens, SizeIs(1));
}

TEST_F(EphemeralsTest, MistakesHaveTheirAttribute) {
  EXPECT_EQ(Validate("espalier_token", {{"role", Value::Unknown()}}), "");
  EXPECT_THAT(Validate("espalier_token", {{"role", Text("root")}}),
              HasSubstr("role: Invalid role: It must be one of admin, editor"));
  for (const Value& ttl : {Whole(0), Whole(59), Whole(604801), Value::Of(*Number::Parse("60.5"))}) {
    EXPECT_THAT(Validate("espalier_token", {{"role", Text("viewer")}, {"ttl_seconds", ttl}}),
                HasSubstr("ttl_seconds: Invalid ttl_seconds"));
  }
  EXPECT_THAT(
      Validate("espalier_vm_connection", {{"name", Text("a/b")}, {"timeout", Text("soon")}}),
      ::testing::AllOf(HasSubstr("name: Invalid name"), HasSubstr("timeout: Invalid timeout")));
  EXPECT_EQ(Validate("espalier_vm_connection",
                     {{"name", Text("build")}, {"uid", Value::Unknown()}, {"timeout", Text("2m")}}),
            "");
}

TEST_F(EphemeralsTest, AConnectionWaitsUntilTheVmIsReachable) {
  PutVm();
  engine_.on_watching = [this] { MakeReachable(); };
  const Value result =
      ResultOf("espalier_vm_connection", Open("espalier_vm_connection", {{"name", Text("build")}}));
  EXPECT_EQ(result.At("address"), Text("10.0.0.7"));
  EXPECT_EQ(result.At("ssh_port"), Whole(8822));
  EXPECT_EQ(result.At("vnc_port"), Whole(5999));
  EXPECT_TRUE(result.At("screenshare_port").is_null());
  EXPECT_EQ(result.At("ports").At("http"), Whole(8080));
  EXPECT_EQ(result.At("host"), Text("mac-01"));
  EXPECT_EQ(result.At("namespace"), Text("ci"));
  EXPECT_EQ(result.At("uid"), Text("uid-1"));
  EXPECT_TRUE(result.At("timeout").is_null());
}

TEST_F(EphemeralsTest, AConnectionThatDoesNotComeSaysWhatTheEngineSays) {
  EXPECT_THAT(Errors(Open("espalier_vm_connection", {{"name", Text("build")}})),
              HasSubstr("uid = espalier_vm.NAME.uid"));
  PutVm();
  EXPECT_THAT(
      Errors(Open("espalier_vm_connection", {{"name", Text("build")}, {"timeout", Text("30s")}})),
      ::testing::AllOf(HasSubstr("not reachable after 30s"), HasSubstr("1 host: 1 cordoned")));
  EXPECT_THAT(
      Errors(Open("espalier_vm_connection", {{"name", Text("build")}, {"uid", Text("old")}})),
      HasSubstr("another one by now"));
  engine_.Place(v1::VmPlacement::FAILED, "no such disk");
  EXPECT_THAT(Errors(Open("espalier_vm_connection", {{"name", Text("build")}})),
              HasSubstr("no such disk"));
  Resource vm = *engine_.objects().Find(Ref{Kind::kVm, "ci", "build"});
  (*vm.mutable_metadata()->mutable_holds())["power"].set_by("ana");
  engine_.objects().Put(vm);
  EXPECT_THAT(Errors(Open("espalier_vm_connection", {{"name", Text("build")}})),
              HasSubstr("powered off by ana"));
}

TEST_F(EphemeralsTest, AnInterruptEndsTheWait) {
  PutVm();
  engine_.on_watching = [this] { Interrupt(); };
  EXPECT_THAT(Errors(Open("espalier_vm_connection", {{"name", Text("build")}})),
              HasSubstr("interrupted"));
  // What is open is closed all the same.
  engine_.on_watching = nullptr;
  const auto opened = Open("espalier_token", {{"role", Text("viewer")}});
  EXPECT_EQ(Close("espalier_token", opened.private_()), "");
  EXPECT_THAT(engine_.tokens, IsEmpty());
}

TEST_F(EphemeralsTest, AnEngineThatIsNotThereIsToldSoon) {
  engine_.failures.assign(1000, absl::UnavailableError("nobody is there"));
  const absl::Duration began = clock_.Elapsed();
  EXPECT_THAT(Errors(Open("espalier_vm_connection", {{"name", Text("build")}})),
              HasSubstr("The engine did not answer"));
  EXPECT_LT(clock_.Elapsed() - began, absl::Seconds(30));
}

TEST_F(EphemeralsTest, WhatIsNotKnownIsNotOpened) {
  EXPECT_THAT(
      Errors(Open("espalier_vm_connection", {{"name", Text("build")}, {"uid", Value::Unknown()}})),
      HasSubstr("not wholly known"));
  tfplugin6::OpenEphemeralResource::Request request;
  request.set_type_name("espalier_token");
  EXPECT_THAT(Errors(Ask<tfplugin6::OpenEphemeralResource>(request)),
              HasSubstr("No configuration"));
  request.set_type_name("espalier_vm");
  EXPECT_THAT(Errors(Ask<tfplugin6::OpenEphemeralResource>(request)),
              HasSubstr("has no espalier_vm"));
}

TEST_F(EphemeralsTest, WhatCoreLeavesOpenIsClosedInTheEnd) {
  EXPECT_FALSE(provider_.HasOpen());
  const auto first = Open("espalier_token", {{"role", Text("viewer")}});
  const auto second = Open("espalier_token", {{"role", Text("viewer")}});
  EXPECT_EQ(Close("espalier_token", first.private_()), "");
  EXPECT_TRUE(provider_.HasOpen());
  provider_.CloseWhatIsOpen();
  EXPECT_FALSE(provider_.HasOpen());
  EXPECT_THAT(engine_.tokens, IsEmpty());
}

TEST_F(EphemeralsTest, RenewalChangesNothing) {
  tfplugin6::RenewEphemeralResource::Request request;
  request.set_type_name("espalier_token");
  request.set_private_("token-1");
  const auto response = Ask<tfplugin6::RenewEphemeralResource>(request);
  EXPECT_EQ(response.private_(), "token-1");
  EXPECT_FALSE(response.has_renew_at());
  EXPECT_EQ(response.diagnostics_size(), 0);
}

}  // namespace
}  // namespace espalier::provider
