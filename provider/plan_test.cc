#include "provider/plan.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "provider/conform.h"
#include "provider/msgpack.h"
#include "provider/testing/values.h"

namespace espalier::provider {
namespace {

const Schemas& AllSchemas() {
  static const Schemas& schemas = *new Schemas();
  return schemas;
}
const Schema& VmSchema() { return *AllSchemas().FindResource("espalier_vm"); }

Value VmConfig(Value::Entries more = {}) {
  Value::Entries entries = {{"name", Text("build")}, {"image", Text("sonoma")}};
  for (auto& entry : more) {
    std::erase_if(entries, [&](const auto& there) { return there.first == entry.first; });
    entries.push_back(std::move(entry));
  }
  return ObjectOf(VmSchema().attributes, std::move(entries));
}

Change PlanVm(const Value& prior, const Value& config, Takeover takeover = Takeover::kNone) {
  Problems problems;
  Change change = PlanChange(VmSchema(), prior, config, Text("default"), takeover, problems);
  EXPECT_TRUE(problems.empty());
  return change;
}

// The state that applying the configuration leaves.
Value Applied(const Value& config) {
  Value state = PlanVm(Value(), config).planned;
  state.Set("uid", Text("u1"));
  state.Set("status", Value::Map({{"host", Text("mac-01")},
                                  {"ip", Text("10.0.0.1")},
                                  {"ports", Value::Map({{"ssh", Whole(8822)}})}}));
  return state;
}

std::vector<std::string> Names(const std::vector<Path>& paths) {
  std::vector<std::string> names;
  for (const Path& path : paths) names.push_back(ToString(path));
  return names;
}

TEST(PlanTest, FillsDefaultsAndLeavesTheEnginesPartUnknown) {
  const Change change = PlanVm(Value(), VmConfig());
  EXPECT_EQ(change.verb, Change::Verb::kCreate);
  EXPECT_EQ(change.planned.At("cpu"), Whole(3));
  EXPECT_EQ(change.planned.At("power"), Text("on"));
  EXPECT_EQ(change.planned.At("namespace"), Text("default"));
  EXPECT_EQ(change.planned.At("id"), Text("default/build"));
  EXPECT_TRUE(change.planned.At("uid").is_unknown());
  EXPECT_TRUE(change.planned.At("status").is_unknown());
  EXPECT_TRUE(change.planned.At("host").is_null());
  EXPECT_TRUE(change.planned.At("timeouts").is_null());
}

TEST(PlanTest, PlansNothingWhenNothingChanges) {
  for (const Value& config :
       {VmConfig(), VmConfig({{"cpu", Whole(4)}}), VmConfig({{"namespace", Text("ci")}}),
        VmConfig({{"ports", Value::Map({{"http", Value::Map({{"guest", Whole(80)}})}})}}),
        VmConfig({{"labels", Value::Map({{"team", Text("ios")}})}})}) {
    const Value state = Applied(config);
    const Change change = PlanVm(state, config);
    EXPECT_EQ(change.verb, Change::Verb::kNone);
    EXPECT_EQ(change.planned, state);
  }
}

TEST(PlanTest, ReplacesForExactlyTheImmutableAttributes) {
  const Value state = Applied(VmConfig());
  struct {
    const char* name;
    Value value;
    bool replaces;
  } const kCases[] = {
      {"name", Text("other"), true},
      {"namespace", Text("ci"), true},
      {"image", Text("ventura"), true},
      {"cpu", Whole(4), true},
      {"memory_mib", Whole(8192), true},
      {"disk_gib", Whole(100), true},
      {"host", Text("mac-02"), false},
      {"host_labels", Value::Map({{"rack", Text("a")}}), false},
      {"preferred_host_labels", Value::Map({{"rack", Text("a")}}), false},
      {"ports", Value::Map({{"http", Value::Map({{"guest", Whole(80)}})}}), false},
      {"guest_metadata", Value::Map({{"k", Text("v")}}), false},
      {"power", Text("off"), false},
      {"ttl_seconds", Whole(60), false},
      {"restart", Text("never"), false},
      {"partition", Text("keep"), false},
      {"labels", Value::Map({{"team", Text("ios")}}), false},
      {"annotations", Value::Map({{"note", Text("x")}}), false},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    const Change change = PlanVm(state, VmConfig({{test.name, test.value}}));
    EXPECT_EQ(change.verb, test.replaces ? Change::Verb::kReplace : Change::Verb::kUpdate);
    EXPECT_EQ(change.planned.At(test.name), test.value);
    EXPECT_EQ(Names(change.requires_replace),
              test.replaces ? std::vector<std::string>{test.name} : std::vector<std::string>());
    EXPECT_EQ(change.planned.At("uid").is_unknown(), test.replaces);
  }
}

TEST(PlanTest, ReturnsToTheDefaultWhenAnAttributeIsLeftOut) {
  const Change change = PlanVm(Applied(VmConfig({{"cpu", Whole(8)}})), VmConfig());
  EXPECT_EQ(change.planned.At("cpu"), Whole(3));
  EXPECT_EQ(Names(change.requires_replace), std::vector<std::string>{"cpu"});
}

TEST(PlanTest, KeepsStatusKnownWhenOnlyLabelsChange) {
  const Value state = Applied(VmConfig());
  EXPECT_EQ(
      PlanVm(state, VmConfig({{"labels", Value::Map({{"a", Text("b")}})}})).planned.At("status"),
      state.At("status"));
  EXPECT_TRUE(PlanVm(state, VmConfig({{"power", Text("off")}})).planned.At("status").is_unknown());
}

TEST(PlanTest, TellsTheEngineNothingOfTimeouts) {
  const Value state = Applied(VmConfig());
  const Change change = PlanVm(
      state,
      VmConfig({{"timeouts",
                 Value::Map({{"create", Text("1m")}, {"delete", Value()}, {"update", Value()}})}}));
  EXPECT_EQ(change.verb, Change::Verb::kUpdate);
  EXPECT_FALSE(TouchesEngine(VmSchema(), state, change.planned));
}

TEST(PlanTest, TakesUnknownsAnywhere) {
  for (const Attribute& attribute : VmSchema().attributes) {
    if (attribute.use == Attribute::Use::kComputed) continue;
    SCOPED_TRACE(attribute.name);
    const Value config = VmConfig({{attribute.name, Value::Unknown()}});
    for (const Value& prior : {Value(), Applied(VmConfig())}) {
      const Change change = PlanVm(prior, config);
      EXPECT_TRUE(change.planned.At(attribute.name).is_unknown());
    }
    Problems problems;
    ValidateConfig(VmSchema(), config, problems);
    EXPECT_TRUE(problems.empty());
  }
  const Value nested = VmConfig(
      {{"ports", Value::Map({{"http", Value::Map({{"guest", Value::Unknown()}})}})},
       {"guest_metadata", Value::Map({{"known", Text("x")}, {"later", Value::Unknown()}})}});
  const Change change = PlanVm(Value(), nested);
  EXPECT_EQ(change.planned.At("ports"), nested.At("ports"));
  EXPECT_EQ(change.wanted.unknown,
            (std::vector<std::string>{"spec.guest_metadata[later]", "spec.ports[http].guest"}));
  Problems problems;
  ValidateConfig(VmSchema(), nested, problems);
  EXPECT_TRUE(problems.empty());
}

TEST(PlanTest, RefusesWhatIsNoObjectYet) {
  for (const Value& prior : {Value(), Applied(VmConfig())}) {
    Problems problems;
    const Change change =
        PlanChange(VmSchema(), prior, Value::Unknown(), Text("default"), Takeover::kNone, problems);
    EXPECT_TRUE(problems.HasErrors());
    EXPECT_EQ(change.planned, prior);
    EXPECT_EQ(change.verb, Change::Verb::kNone);
  }
}

TEST(PlanTest, ReplacesWhenAnImmutableValueIsNotKnownYet) {
  const Change change = PlanVm(Applied(VmConfig()), VmConfig({{"image", Value::Unknown()}}));
  EXPECT_EQ(Names(change.requires_replace), std::vector<std::string>{"image"});
}

TEST(PlanTest, KnowsTheIdAsSoonAsTheNameIsKnown) {
  const Change change = PlanVm(Value(), VmConfig({{"name", Value::Unknown()}}));
  ASSERT_NE(change.planned.At("id").refinement(), nullptr);
  EXPECT_TRUE(change.planned.At("id").refinement()->not_null);
}

TEST(PlanTest, PlansDeletionsAndFinishedOnes) {
  EXPECT_EQ(PlanVm(Applied(VmConfig()), Value()).verb, Change::Verb::kDelete);
  EXPECT_EQ(PlanVm(Value(), Value()).verb, Change::Verb::kNone);
}

TEST(ValidateConfigTest, NamesTheAttributeOfEveryMistake) {
  struct {
    const char* name;
    Value value;
    const char* path;
  } const kCases[] = {
      {"cpu", Whole(0), "spec.cpu"},
      {"cpu", Value::Of(*Number::Parse("2.5")), "spec.cpu"},
      {"cpu", Value::Of(*Number::Parse("1e30")), "spec.cpu"},
      {"power", Text("ON"), "spec.power"},
      {"labels", Value::Map({}), "metadata.labels"},
      {"labels", Value::Map({{"a", Value()}}), "metadata.labels[a]"},
      {"ports", Value::Map({{"http", Value::Map({{"guest", Whole(70000)}})}}),
       "spec.ports[http].guest"},
      {"name", Text("Not_A_Name"), "metadata.name"},
      {"timeouts", Value::Map({{"create", Text("soon")}, {"delete", Value()}, {"update", Value()}}),
       "metadata.timeouts.create"},
      {"timeouts", Value::Map({{"create", Value()}, {"delete", Text("inf")}, {"update", Value()}}),
       "metadata.timeouts.delete"},
      {"timeouts", Value::Map({{"create", Value()}, {"delete", Value()}, {"update", Text("169h")}}),
       "metadata.timeouts.update"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.path);
    Problems problems;
    ValidateConfig(VmSchema(), VmConfig({{test.name, test.value}}), problems);
    ASSERT_EQ(problems.list().size(), 1U);
    EXPECT_EQ(problems.list().front().path(), test.path);
    EXPECT_EQ(PathOfModel(test.path).front(), AttributeStep(test.name));
  }
}

TEST(SettleTest, ChangesOnlyWhatWasUnknown) {
  const Value planned = Value::Map({{"a", Whole(1)},
                                    {"b", Value::Unknown()},
                                    {"c", Value::Map({{"d", Value::Unknown()}})},
                                    {"e", Value::List({Whole(1), Value::Unknown()})}});
  const Value actual = Value::Map({{"a", Whole(9)},
                                   {"b", Whole(2)},
                                   {"c", Value::Map({{"d", Text("x")}})},
                                   {"e", Value::List({Whole(7), Whole(8)})}});
  EXPECT_EQ(Settle(planned, actual), Value::Map({{"a", Whole(1)},
                                                 {"b", Whole(2)},
                                                 {"c", Value::Map({{"d", Text("x")}})},
                                                 {"e", Value::List({Whole(1), Whole(8)})}}));
  EXPECT_TRUE(Settle(planned, Value()).IsWhollyKnown());
}

// Whatever the kind: what state says is what the model says, and back.
TEST(ConvertTest, RoundTripsEveryKind) {
  for (const Schema& schema : AllSchemas().resources()) {
    SCOPED_TRACE(schema.type_name);
    const Value config = ObjectOf(
        schema.attributes, {{"name", Text("thing")}, {"labels", Value::Map({{"a", Text("b")}})}});
    Problems problems;
    const Change change =
        PlanChange(schema, Value(), config, Text("default"), Takeover::kNone, problems);
    EXPECT_TRUE(problems.empty());
    const Value back = ToValue(schema.attributes, change.wanted.resource);
    EXPECT_EQ(Settle(change.planned, back).At("labels"), config.At("labels"));
    for (const Attribute& attribute : schema.attributes) {
      if (attribute.use == Attribute::Use::kComputed || attribute.name == kTimeouts) continue;
      EXPECT_EQ(back.At(attribute.name), change.planned.At(attribute.name)) << attribute.name;
    }
    const absl::StatusOr<Value> wire = ReadMsgpack(WriteMsgpack(change.planned));
    ASSERT_TRUE(wire.ok());
    EXPECT_EQ(*Conform(schema.attributes, *wire, Strictness::kExact), change.planned);
  }
}

TEST(PlanTest, UpdatesWhatIsToBeTakenOverAlthoughNothingElseDiffers) {
  const Value state = Applied(VmConfig());
  EXPECT_EQ(PlanVm(state, VmConfig()).verb, Change::Verb::kNone);
  for (const Takeover takeover : {Takeover::kAdopt, Takeover::kTransfer}) {
    const Change change = PlanVm(state, VmConfig(), takeover);
    EXPECT_EQ(change.verb, Change::Verb::kUpdate);
    EXPECT_TRUE(change.planned.At("status").is_unknown());
    EXPECT_EQ(change.planned.At("uid"), state.At("uid"));
  }
}

// Core plans again once everything is known, and accepts nothing unknown that was known before.
TEST(PlanTest, WhatIsToBeTakenOverDiffersBeforeAndAfterAllIsKnown) {
  const Schema& schema = *AllSchemas().FindResource("espalier_cluster");
  const auto plan = [&](const Value& prior, const Value& scheduling, Takeover takeover) {
    Problems problems;
    return PlanChange(
        schema, prior,
        ObjectOf(schema.attributes, {{"name", Text("default")}, {"scheduling", scheduling}}),
        Text("default"), takeover, problems);
  };
  Value state = plan(Value(), Text("pack"), Takeover::kNone).planned;
  state.Set("uid", Text("u1"));
  for (const Value& scheduling : {Value::Unknown(), Text("pack")}) {
    const Change change = plan(state, scheduling, Takeover::kAdopt);
    EXPECT_EQ(change.verb, Change::Verb::kUpdate);
    EXPECT_TRUE(change.planned.At("uid").is_unknown());
  }
}

// The model counts what it cannot hold as unknown, and the unknown as changed.
TEST(PlanTest, ReplacesForNothingThatCoreSeesUnchanged) {
  const Value half = Value::Of(*Number::Parse("0.5"));
  Value state = Applied(VmConfig());
  state.Set("cpu", half);
  Problems problems;
  const Change change =
      PlanChange(VmSchema(), state, VmConfig({{"cpu", half}, {"power", Text("off")}}),
                 Text("default"), Takeover::kNone, problems);
  EXPECT_EQ(change.verb, Change::Verb::kUpdate);
}

}  // namespace
}  // namespace espalier::provider
