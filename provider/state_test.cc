// States that released versions have written, replayed: each upgrades, plans nothing from the
// configuration that made it, and nothing from the one that is generated for it. Every schema
// version has its folder in tests/fixtures/terraform_state, which is never changed;
// tests/e2e/provider/record_state.py makes that of a new one.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/io.h"
#include "engine/base/limits.h"
#include "engine/model/codec.h"
#include "engine/model/writer.h"
#include "provider/conform.h"
#include "provider/generate.h"
#include "provider/identity.h"
#include "provider/msgpack.h"
#include "provider/testing/provider_world.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

void Write(const Node& node, DocumentWriter& out) {
  switch (node.type) {
    case Node::Type::kNull:
      out.Literal("null");
      break;
    case Node::Type::kBool:
    case Node::Type::kNumber:
      out.Literal(node.text);
      break;
    case Node::Type::kString:
      out.String(node.text);
      break;
    case Node::Type::kList:
      out.BeginList();
      for (const Node& item : node.items) Write(item, out);
      out.EndList();
      break;
    case Node::Type::kMap:
      out.BeginMap();
      for (const auto& [key, entry] : node.entries) {
        out.Key(key);
        Write(entry, out);
      }
      out.EndMap();
      break;
  }
}

// A part of a fixture as a state file holds it: indented.
std::string Part(const Node& fixture, const char* name) {
  const Node* part = fixture.Find(name);
  EXPECT_NE(part, nullptr) << name;
  std::string json;
  if (part != nullptr) Write(*part, *MakeJsonWriter(Indent::kTwo, json));
  return json;
}

class StateTest : public testing::Test, protected ProviderWorld {
 protected:
  StateTest() {
    EXPECT_EQ(Errors(Configure({{"endpoint", Text("127.0.0.1:1")}, {"instance", Text("e2e")}})),
              "");
  }

  // The fixtures of a type: one object with least configuration, one with all.
  std::vector<Node> Fixtures(int version, const std::string& type_name) {
    const absl::StatusOr<std::string> text = MakeRealIo()->ReadFile(
        absl::StrCat("tests/fixtures/terraform_state/v", version, "/", type_name, ".json"),
        limits::kDocumentBytes);
    EXPECT_TRUE(text.ok()) << text.status();
    Problems problems;
    std::optional<Node> document = ParseJson(text.value_or("[]"), type_name, problems);
    EXPECT_TRUE(problems.empty());
    return document ? std::move(document->items) : std::vector<Node>();
  }

  Value Upgraded(const Schema& schema, int version, const std::string& json) {
    tfplugin6::UpgradeResourceState::Request request;
    request.set_type_name(schema.type_name);
    request.set_version(version);
    request.mutable_raw_state()->set_json(json);
    const auto response = Ask<tfplugin6::UpgradeResourceState>(request);
    EXPECT_EQ(Errors(response), "");
    return Decoded(schema.attributes, response.upgraded_state());
  }

  Value UpgradedIdentity(const Schema& schema, const std::string& json) {
    tfplugin6::UpgradeResourceIdentity::Request request;
    request.set_type_name(schema.type_name);
    request.mutable_raw_identity()->set_json(json);
    const auto response = Ask<tfplugin6::UpgradeResourceIdentity>(request);
    EXPECT_EQ(Errors(response), "");
    return Decoded(schema.identity, response.upgraded_identity().identity_data());
  }

  void ExpectPlansNothing(const Schema& schema, const Value& state, const Value& config) {
    tfplugin6::PlanResourceChange::Request request;
    request.set_type_name(schema.type_name);
    Encode(state, *request.mutable_prior_state());
    Encode(config, *request.mutable_config());
    Encode(config, *request.mutable_proposed_new_state());
    const auto response = Ask<tfplugin6::PlanResourceChange>(request);
    EXPECT_EQ(Errors(response), "");
    EXPECT_EQ(response.requires_replace_size(), 0);
    EXPECT_EQ(*ReadMsgpack(response.planned_state().msgpack()), state);
  }
};

TEST_F(StateTest, EveryReleasedVersionOfEveryTypePlansNothing) {
  for (int version = 0; version <= kSchemaVersion; ++version) {
    for (const Schema& schema : schemas_.resources()) {
      const std::vector<Node> fixtures = Fixtures(version, schema.type_name);
      EXPECT_EQ(fixtures.size(), 2U);
      for (const Node& fixture : fixtures) {
        SCOPED_TRACE(absl::StrCat(schema.type_name, " v", version, " line ", fixture.line));
        const Value state = Upgraded(schema, version, Part(fixture, "attributes"));
        EXPECT_TRUE(state.IsWhollyKnown());
        EXPECT_FALSE(state.At(kUid).text().empty());
        const absl::StatusOr<Value> config =
            ReadStateJson(schema.attributes, Part(fixture, "config"));
        ASSERT_TRUE(config.ok()) << config.status();
        ExpectPlansNothing(schema, state, *config);
        EXPECT_EQ(IdentityOf(schema, state), UpgradedIdentity(schema, Part(fixture, "identity")));
      }
    }
  }
}

TEST_F(StateTest, WhatIsGeneratedPlansNothingAndHoldsNothingNeedless) {
  for (const Schema& schema : schemas_.resources()) {
    for (const Node& fixture : Fixtures(kSchemaVersion, schema.type_name)) {
      SCOPED_TRACE(absl::StrCat(schema.type_name, " line ", fixture.line));
      const Value state = Upgraded(schema, kSchemaVersion, Part(fixture, "attributes"));
      const Value generated = GenerateConfig(schema, state);
      ExpectPlansNothing(schema, state, generated);
      // A person wrote the same, but for the namespace, which was the provider's.
      Value config = *ReadStateJson(schema.attributes, Part(fixture, "config"));
      if (schema.kind->namespaced) config.Set(kNamespace, state.At(kNamespace));
      EXPECT_EQ(generated, GenerateConfig(schema, config));
    }
  }
}

}  // namespace
}  // namespace espalier::provider
