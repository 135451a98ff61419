// What core can say of values: numbers, text, collections, unknown ones with what is known of them,
// and states of other times.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "provider/testing/values.h"
#include "tests/conformance/core/core.h"

namespace espalier::provider {
namespace {

const Schema& Vm() { return *TheCore().schemas().FindResource("espalier_vm"); }

Value VmConfig(Value::Entries more) {
  Value config = MinimalConfig(Vm());
  for (auto& [name, value] : more) config.Set(name, std::move(value));
  return config;
}

constexpr const char* kNumbers[] = {"0.1",
                                    "3.14159",
                                    "1e30",
                                    "9007199254740993",
                                    "9223372036854775808",
                                    "-0",
                                    "1234567890123456789012345678901234567890"};

TEST(Numbers, SurviveUpgradeAndPlan) {
  for (const char* text : kNumbers) {
    SCOPED_TRACE(text);
    const Value number = Value::Of(*Number::Parse(text));
    const auto upgraded = TheCore().Upgrade(
        "espalier_vm", absl::StrCat(R"({"name": "a", "image": "x/y:1", "cpu": )", text, "}"));
    EXPECT_EQ(ErrorsOf(upgraded), "");
    EXPECT_EQ(Decoded(Vm().attributes, upgraded.upgraded_state()).At("cpu"), number);
    const auto planned = TheCore().Plan(Vm(), Value(), VmConfig({{"cpu", number}}));
    EXPECT_EQ(Decoded(Vm().attributes, planned.planned_state()).At("cpu"), number);
  }
}

TEST(Numbers, AreRefusedNotRounded) {
  for (const char* text : kNumbers) {
    SCOPED_TRACE(text);
    const auto answer =
        TheCore().Validate(Vm(), VmConfig({{"cpu", Value::Of(*Number::Parse(text))}}));
    ASSERT_EQ(answer.diagnostics_size(), 1);
    EXPECT_EQ(answer.diagnostics(0).attribute().steps(0).attribute_name(), "cpu");
  }
}

TEST(Text, SurvivesUpgradeAndPlan) {
  const std::string texts[] = {"", "\xe6\x97\xa5\xe6\x9c\xac", std::string("a\0b", 3),
                               std::string(1 << 20, 'x')};
  for (const std::string& text : texts) {
    const Value metadata = Value::Map({{"note", Value::String(text)}});
    const auto planned = TheCore().Plan(Vm(), Value(), VmConfig({{"guest_metadata", metadata}}));
    const Value state = Decoded(Vm().attributes, planned.planned_state());
    EXPECT_EQ(state.At("guest_metadata"), metadata);
  }
}

TEST(Collections, AbsentAndEmptyDiffer) {
  for (const Value& labels : {Value(), Value::Map({})}) {
    const Value config = VmConfig({{"labels", labels}});
    const auto planned = TheCore().Plan(Vm(), Value(), config);
    EXPECT_EQ(Decoded(Vm().attributes, planned.planned_state()).At("labels"), labels);
    EXPECT_EQ(ErrorsOf(TheCore().Validate(Vm(), config)).empty(), labels.is_null());
  }
}

// Every value that the attribute can have with something unknown in it.
std::vector<Value> UnknownsOf(const Attribute& attribute) {
  std::vector<Value> ones = {Value::Unknown()};
  for (const Attribute& inner : attribute.attributes) {
    for (const Value& unknown : UnknownsOf(inner)) {
      Value::Entries entries;
      for (const Attribute& other : attribute.attributes) entries.emplace_back(other.name, Value());
      Value object = Value::Map(std::move(entries));
      object.Set(inner.name, unknown);
      ones.push_back(std::move(object));
    }
  }
  if (attribute.nesting == Attribute::Nesting::kSingle) return ones;
  std::vector<Value> all = {Value::Unknown()};
  for (Value& one : ones) {
    all.push_back(attribute.nesting == Attribute::Nesting::kList
                      ? Value::List({std::move(one)})
                      : Value::Map({{"key", std::move(one)}}));
  }
  return all;
}

TEST(Unknown, InEveryPlace) {
  int places = 0;
  for (const Schema& schema : TheCore().schemas().resources()) {
    for (const Attribute& attribute : schema.attributes) {
      if (attribute.use == Attribute::Use::kComputed) continue;
      for (const Value& unknown : UnknownsOf(attribute)) {
        SCOPED_TRACE(absl::StrCat(schema.type_name, ".", attribute.name));
        Value config = MinimalConfig(schema);
        config.Set(attribute.name, unknown);
        const auto planned = TheCore().Plan(schema, Value(), config);
        EXPECT_FALSE(Decoded(schema.attributes, planned.planned_state()).is_null());
        for (const auto& diagnostic : planned.diagnostics()) {
          // A sample may be no valid value; what is unknown is never blamed.
          EXPECT_FALSE(absl::StrContains(diagnostic.detail(), "unknown")) << diagnostic.detail();
        }
        ++places;
      }
    }
  }
  EXPECT_GT(places, 100);
}

TEST(Unknown, WithEveryRefinement) {
  Refinement text;
  text.not_null = true;
  text.prefix = "pre-";
  Refinement number;
  number.not_null = true;
  number.lower = Refinement::Bound{*Number::Parse("0.5"), false};
  number.upper = Refinement::Bound{Number::Of(64), true};
  Refinement length;
  length.min_length = Number::Of(1);
  length.max_length = Number::Of(3);
  const Value config = VmConfig({{"image", Value::Unknown(text)},
                                 {"cpu", Value::Unknown(number)},
                                 {"labels", Value::Unknown(length)}});
  EXPECT_EQ(ErrorsOf(TheCore().Validate(Vm(), config)), "");
  const auto planned = TheCore().Plan(Vm(), Value(), config);
  EXPECT_EQ(ErrorsOf(planned), "");
  const Value state = Decoded(Vm().attributes, planned.planned_state());
  for (const char* name : {"image", "cpu", "labels"}) {
    EXPECT_TRUE(state.At(name).is_unknown()) << name;
  }
}

// Of what we say about an unknown id, the id itself has to be an instance.
TEST(Unknown, PromisesAreKept) {
  const Value late = VmConfig({{"name", Value::Unknown()}});
  const Value early = Decoded(Vm().attributes, TheCore().Plan(Vm(), Value(), late).planned_state());
  const Refinement* promised = early.At("id").refinement();
  ASSERT_NE(promised, nullptr);
  const Value known = Decoded(
      Vm().attributes,
      TheCore().Plan(Vm(), Value(), VmConfig({{"name", Value::String("a")}})).planned_state());
  EXPECT_FALSE(promised->not_null && known.At("id").is_null());
  EXPECT_TRUE(absl::StartsWith(known.At("id").text(), promised->prefix));
}

TEST(State, WithOtherAttributes) {
  const auto upgraded = TheCore().Upgrade(
      "espalier_vm", "{\n  \"name\": \"a\",\n  \"gone\": {\"deep\": [1, null]}\n}");
  EXPECT_EQ(ErrorsOf(upgraded), "");
  const Value state = Decoded(Vm().attributes, upgraded.upgraded_state());
  EXPECT_EQ(state.At("name"), Value::String("a"));
  EXPECT_TRUE(state.At("uid").is_null());
}

// An older core would write the secret into its state.
TEST(WriteOnly, IsRefusedByAnOlderCore) {
  const Schema& schema = *TheCore().schemas().FindResource("espalier_registry_credential");
  Value config = MinimalConfig(schema);
  const Attribute& password = *Find(schema.attributes, "password");
  config.Set("password", ObjectOf(password.attributes,
                                  {{"value_wo", Text("canary")}, {"value_wo_version", Whole(1)}}));
  EXPECT_EQ(ErrorsOf(TheCore().Validate(schema, config)), "");
  const auto refused = TheCore().Validate(schema, config, /*write_only_allowed=*/false);
  ASSERT_EQ(refused.diagnostics_size(), 1);
  const tfplugin6::Diagnostic& diagnostic = refused.diagnostics(0);
  EXPECT_EQ(diagnostic.attribute().steps(1).attribute_name(), "value_wo");
  EXPECT_TRUE(absl::StrContains(diagnostic.detail(), "1.11")) << diagnostic.detail();
  EXPECT_FALSE(absl::StrContains(diagnostic.detail(), "canary")) << diagnostic.detail();
}

}  // namespace
}  // namespace espalier::provider
