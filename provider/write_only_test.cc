// A secret's way from the configuration to the engine, past plan and state, over core's calls.
#include "provider/write_only.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "provider/generate.h"
#include "provider/plan.h"
#include "provider/testing/provider_world.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecretText[] = "hush-4711";

class WriteOnlyTest : public testing::Test, protected ProviderWorld {
 protected:
  WriteOnlyTest() { ConfigureAtEngine(); }

  // The attributes of the password, all of them.
  Value Password(Value::Entries entries) {
    return ObjectOf(Find(schema_.attributes, "password")->attributes, std::move(entries));
  }
  Value Given(const Value& secret, const Value& version) {
    return Password({{"value_wo", secret}, {"value_wo_version", version}});
  }
  Value Config(const Value& password, absl::string_view user = "robot") {
    return ObjectOf(schema_.attributes, {{"name", Text("harbor")},
                                         {"registry", Text("r.example")},
                                         {"username", Text(user)},
                                         {"password", password}});
  }

  Value Plan(const Value& prior, const Value& config) {
    tfplugin6::PlanResourceChange::Request request;
    request.set_type_name(schema_.type_name);
    Encode(prior, *request.mutable_prior_state());
    Encode(config, *request.mutable_proposed_new_state());
    Encode(config, *request.mutable_config());
    const auto response = Ask<tfplugin6::PlanResourceChange>(request);
    EXPECT_EQ(Errors(response), "");
    EXPECT_THAT(response.SerializeAsString(), Not(HasSubstr(kSecretText)));
    return Decoded(schema_.attributes, response.planned_state());
  }
  Value Apply(const Value& prior, const Value& planned, const Value& config) {
    tfplugin6::ApplyResourceChange::Request request;
    request.set_type_name(schema_.type_name);
    Encode(prior, *request.mutable_prior_state());
    Encode(planned, *request.mutable_planned_state());
    Encode(config, *request.mutable_config());
    const auto response = Ask<tfplugin6::ApplyResourceChange>(request);
    EXPECT_EQ(Errors(response), "");
    EXPECT_THAT(response.SerializeAsString(), Not(HasSubstr(kSecretText)));
    return Decoded(schema_.attributes, response.new_state());
  }
  Value Applied(const Value& prior, const Value& config) {
    return Apply(prior, Plan(prior, config), config);
  }
  Value Read(const Value& state) {
    tfplugin6::ReadResource::Request request;
    request.set_type_name(schema_.type_name);
    Encode(state, *request.mutable_current_state());
    return Decoded(schema_.attributes, Ask<tfplugin6::ReadResource>(request).new_state());
  }
  std::string Invalid(const Value& config, bool allowed = true) {
    tfplugin6::ValidateResourceConfig::Request request;
    request.set_type_name(schema_.type_name);
    request.mutable_client_capabilities()->set_write_only_attributes_allowed(allowed);
    Encode(config, *request.mutable_config());
    return Errors(Ask<tfplugin6::ValidateResourceConfig>(request));
  }

  // What the last write told the engine.
  const v1::SecretRef& Told() {
    return engine_.applies.back().objects(0).resource().registry_credential().spec().password();
  }

  const Schema& schema_ = *schemas_.FindResource("espalier_registry_credential");
};

TEST_F(WriteOnlyTest, GivesTheEngineWhatNeitherPlanNorStateHolds) {
  const Value config = Config(Given(Text(kSecretText), Whole(1)));
  const Value planned = Plan(Value(), config);
  EXPECT_TRUE(planned.At("password").At("value_wo").is_null());
  EXPECT_EQ(planned.At("password").At("value_wo_version"), Whole(1));
  EXPECT_TRUE(planned.At("password").At("sealed").is_unknown());
  EXPECT_FALSE(Told().has_value()) << "a preview needs no secret";

  const Value state = Apply(Value(), planned, config);
  EXPECT_EQ(Told().value(), kSecretText);
  EXPECT_TRUE(state.At("password").At("value_wo").is_null());
  EXPECT_EQ(state.At("password").At("sealed").text().size(), 32u);
  EXPECT_EQ(Plan(state, config), state) << "nothing is left to plan";
  EXPECT_EQ(Read(state), state);
}

TEST_F(WriteOnlyTest, SendsNothingAsLongAsTheVersionStays) {
  const Value state = Applied(Value(), Config(Given(Text(kSecretText), Whole(1))));
  // Another secret under the same version: Terraform has nothing to tell the two apart by.
  const Value config = Config(Given(Text("other"), Whole(1)), "ana");
  const Value changed = Applied(state, config);
  EXPECT_FALSE(Told().has_value());
  EXPECT_EQ(Told().sealed(), state.At("password").At("sealed").text());
  EXPECT_EQ(changed.At("password"), state.At("password"));
  EXPECT_EQ(changed.At("username"), Text("ana"));
}

TEST_F(WriteOnlyTest, ANewVersionSendsItAgain) {
  const Value state = Applied(Value(), Config(Given(Text("first"), Whole(1))));
  const Value config = Config(Given(Text(kSecretText), Whole(2)));
  const Value changed = Applied(state, config);
  EXPECT_EQ(Told().value(), kSecretText);
  EXPECT_FALSE(Told().has_sealed());
  EXPECT_EQ(changed.At("password").At("value_wo_version"), Whole(2));
  EXPECT_NE(changed.At("password").At("sealed"), state.At("password").At("sealed"));
}

TEST_F(WriteOnlyTest, TakesTheOtherWaysToASecretAsBefore) {
  const Value state = Applied(Value(), Config(Given(Text(kSecretText), Whole(1))));
  const Value config = Config(Password({{"env", Text("PASSWORD")}}));
  const Value changed = Applied(state, config);
  EXPECT_EQ(Told().env(), "PASSWORD");
  EXPECT_FALSE(Told().has_sealed());
  EXPECT_TRUE(changed.At("password").At("sealed").is_null());
  EXPECT_EQ(Plan(changed, config), changed);
}

// Somebody else gave another secret: the next plan gives ours again.
TEST_F(WriteOnlyTest, SeesThatTheSecretIsNotItsOwnAnyMore) {
  const Value config = Config(Given(Text(kSecretText), Whole(1)));
  const Value state = Applied(Value(), config);
  Resource changed = *engine_.objects().Find(Ref{Kind::kRegistryCredential, "", "harbor"});
  changed.mutable_registry_credential()->mutable_spec()->mutable_password()->set_sealed(
      std::string(32, '0'));
  engine_.objects().Put(changed);
  const Value read = Read(state);
  EXPECT_TRUE(read.At("password").At("value_wo_version").is_null());
  Applied(read, config);
  EXPECT_EQ(Told().value(), kSecretText);
}

TEST_F(WriteOnlyTest, AnImportedSecretIsGivenOnce) {
  const Value config = Config(Given(Text(kSecretText), Whole(1)));
  const Value state = Applied(Value(), config);
  tfplugin6::ImportResourceState::Request request;
  request.set_type_name(schema_.type_name);
  request.set_id("harbor");
  const auto response = Ask<tfplugin6::ImportResourceState>(request);
  ASSERT_EQ(response.imported_resources_size(), 1);
  const Value imported = Decoded(schema_.attributes, response.imported_resources(0).state());
  EXPECT_EQ(imported.At("password").At("sealed"), state.At("password").At("sealed"));
  const Value again = Applied(imported, config);
  EXPECT_EQ(again, state);
  // What is generated of an import keeps what the engine keeps, and plans nothing.
  const Value generated = GenerateConfig(schema_, imported);
  EXPECT_EQ(Plan(imported, generated), imported);
}

TEST_F(WriteOnlyTest, PlansWhatIsNotKnownYet) {
  for (const Value& password :
       {Given(Value::Unknown(), Whole(1)), Given(Text(kSecretText), Value::Unknown()),
        Given(Value::Unknown(), Value::Unknown()), Value::Unknown()}) {
    const Value config = Config(password);
    EXPECT_EQ(Invalid(config), "");
    Plan(Value(), config);
  }
}

TEST_F(WriteOnlyTest, SaysWhatIsWrongAtItsAttribute) {
  EXPECT_EQ(Invalid(Config(Given(Text(kSecretText), Whole(1)))), "");
  EXPECT_THAT(Invalid(Config(Given(Text(kSecretText), Value()))), HasSubstr("value_wo_version"));
  EXPECT_THAT(Invalid(Config(Given(Value(), Whole(1)))), HasSubstr("value_wo: is required"));
  EXPECT_THAT(Invalid(Config(Given(Text(""), Whole(1)))), HasSubstr("value_wo: must not be empty"));
  const std::string both = Invalid(Config(Password(
      {{"env", Text("A")}, {"value_wo", Text(kSecretText)}, {"value_wo_version", Whole(1)}})));
  EXPECT_THAT(both, HasSubstr("value_wo: only one of file, env, value may be given"));
  EXPECT_THAT(both, Not(HasSubstr(kSecretText)));
  EXPECT_THAT(Invalid(Config(Password({{"sealed", Text(std::string(32, '0'))},
                                       {"value_wo", Text(kSecretText)},
                                       {"value_wo_version", Whole(1)}}))),
              HasSubstr("leave it out"));
}

// It would write the secret into its state.
TEST_F(WriteOnlyTest, IsRefusedByACoreThatDoesNotKnowIt) {
  const std::string errors = Invalid(Config(Given(Text(kSecretText), Whole(1))), /*allowed=*/false);
  EXPECT_THAT(errors, HasSubstr("1.11"));
  EXPECT_THAT(errors, Not(HasSubstr(kSecretText)));
  EXPECT_EQ(Invalid(Config(Password({{"env", Text("A")}})), /*allowed=*/false), "");
}

TEST_F(WriteOnlyTest, DataSourcesHaveNoSecrets) {
  const auto count = [](const auto& schemas) {
    int secrets = 0;
    for (const Schema& schema : schemas) secrets += HaveSecrets(schema.attributes) ? 1 : 0;
    return secrets;
  };
  EXPECT_EQ(count(schemas_.resources()), 2) << "git_source and registry_credential";
  EXPECT_EQ(count(schemas_.data_sources()), 0);
  EXPECT_EQ(count(schemas_.plural_data_sources()), 0);
  const Attribute& password =
      *Find(schemas_.FindDataSource("espalier_registry_credential")->attributes, "password");
  EXPECT_EQ(Find(password.attributes, "value_wo"), nullptr);
  EXPECT_NE(Find(password.attributes, "sealed"), nullptr);
}

}  // namespace
}  // namespace espalier::provider
