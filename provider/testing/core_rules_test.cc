#include "provider/testing/core_rules.h"
#include "provider/testing/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace espalier::provider {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Use = Attribute::Use;

Attribute Of(const char* name, Use use) {
  Attribute attribute;
  attribute.name = name;
  attribute.use = use;
  return attribute;
}

Attribute Nested(const char* name, Attribute::Nesting nesting) {
  Attribute attribute = Of(name, Use::kOptional);
  attribute.shape = Attribute::Shape::kObject;
  attribute.nesting = nesting;
  attribute.attributes = {Of("d", Use::kDefaulted), Of("o", Use::kOptional)};
  return attribute;
}

const Attributes& Some() {
  static const Attributes& attributes = *new Attributes{Of("c", Use::kComputed),
                                                        Of("d", Use::kDefaulted),
                                                        Nested("l", Attribute::Nesting::kList),
                                                        Nested("m", Attribute::Nesting::kMap),
                                                        Of("o", Use::kOptional),
                                                        Nested("s", Attribute::Nesting::kSingle)};
  return attributes;
}

Value Object(Value::Entries entries, const Attributes& attributes = Some()) {
  Value::Entries all;
  for (const Attribute& attribute : attributes) {
    const auto given = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
      return entry.first == attribute.name;
    });
    all.emplace_back(attribute.name, given == entries.end() ? Value() : given->second);
  }
  return Value::Map(std::move(all));
}

Value Inner(Value::Entries entries) { return Object(std::move(entries), Some().back().attributes); }

TEST(CoreRulesTest, RefusesPlansThatCoreRefuses) {
  struct {
    const char* name;
    Value prior;
    Value config;
    Value planned;
    std::vector<std::string> errors;
  } const kCases[] = {
      {"as configured", Value(), Object({{"o", Text("a")}}), Object({{"o", Text("a")}}), {}},
      {"what was there means the same",
       Object({{"o", Text("A")}}),
       Object({{"o", Text("a")}}),
       Object({{"o", Text("A")}}),
       {}},
      {"a default", Value(), Object({}), Object({{"d", Text("x")}}), {}},
      {"a default over the configuration",
       Value(),
       Object({{"d", Text("a")}}),
       Object({{"d", Text("x")}}),
       {".d does not match the configuration"}},
      {"unknown, refined",
       Value(),
       Object({{"o", Value::Unknown({.not_null = true})}}),
       Object({{"o", Value::Unknown()}}),
       {}},
      {"computed", Value(), Object({}), Object({{"c", Value::Unknown()}}), {}},
      {"made up",
       Value(),
       Object({}),
       Object({{"o", Text("x")}}),
       {".o was planned, but is not configured"}},
      {"kept though it is no longer configured",
       Object({{"o", Text("x")}}),
       Object({}),
       Object({{"o", Text("x")}}),
       {".o was planned, but is not configured"}},
      {"unknown though configured",
       Value(),
       Object({{"s", Inner({})}}),
       Object({{"s", Value::Unknown()}}),
       {".s is configured, but planned as unknown"}},
      {"a default below",
       Value(),
       Object({{"s", Inner({{"o", Text("a")}})}}),
       Object({{"s", Inner({{"d", Text("x")}, {"o", Text("a")}})}}),
       {}},
      {"changed below",
       Value(),
       Object({{"m", Value::Map({{"k", Inner({{"o", Text("a")}})}})}}),
       Object({{"m", Value::Map({{"k", Inner({{"o", Text("b")}})}})}}),
       {".m[\"k\"].o does not match the configuration"}},
      {"another key",
       Value(),
       Object({{"m", Value::Map({{"k", Inner({})}})}}),
       Object({{"m", Value::Map({{"j", Inner({})}})}}),
       {".m has other keys than configured"}},
      {"another length",
       Value(),
       Object({{"l", Value::List({Inner({})})}}),
       Object({{"l", Value::List({})}}),
       {".l has another length than configured"}},
      {"absent", Value(), Object({}), Value(), {"the object is null in one of them only"}},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(PlanErrors(Some(), test.prior, test.config, test.planned), test.errors) << test.name;
  }
}

TEST(CoreRulesTest, RefusesResultsThatCoreRefuses) {
  const Value planned = Object({{"c", Value::Unknown({.not_null = true})},
                                {"m", Value::Map({{"k", Text("v")}})},
                                {"o", Text("a")}});
  const auto with = [&](absl::string_view name, Value value) {
    Value actual = planned;
    actual.Set("c", Text("x"));
    actual.Set(name, std::move(value));
    return ResultErrors(planned, actual);
  };
  EXPECT_THAT(with("c", Text("y")), IsEmpty());
  EXPECT_THAT(with("c", Value()), ElementsAre(".c was promised not to be null"));
  EXPECT_THAT(with("o", Text("b")), ElementsAre(".o has another value"));
  EXPECT_THAT(with("o", Value()), ElementsAre(".o is null in one of them only"));
  EXPECT_THAT(with("o", Value::Unknown()), ElementsAre(".o was known, but now unknown"));
  EXPECT_THAT(with("d", Text("x")), ElementsAre(".d is null in one of them only"));
  EXPECT_THAT(with("m", Value::Map({})), ElementsAre(".m has other elements"));
}

TEST(CoreRulesTest, ProposesWhatIsComputedFromWhatWasThere) {
  const Value prior = Object({{"c", Text("c1")},
                              {"d", Text("d1")},
                              {"m", Value::Map({{"k", Inner({{"d", Text("d2")}})}})},
                              {"o", Text("o1")}});
  const Value config = Object({{"m", Value::Map({{"j", Inner({})}, {"k", Inner({})}})}});
  EXPECT_EQ(ProposedNew(Some(), prior, config),
            Object({{"c", Text("c1")},
                    {"d", Text("d1")},
                    {"m", Value::Map({{"j", Inner({})}, {"k", Inner({{"d", Text("d2")}})}})}}));
  EXPECT_EQ(ProposedNew(Some(), Value(), config), config);
}

TEST(CoreRulesTest, ReplacesOnlyForWhatReallyChanges) {
  std::vector<std::string> errors;
  const Value prior = Object({{"o", Text("a")}});
  const std::vector<Path> path = {{AttributeStep("o")}};
  EXPECT_FALSE(Replaces(prior, prior, path, errors));
  EXPECT_TRUE(Replaces(prior, Object({{"o", Text("b")}}), path, errors));
  EXPECT_TRUE(Replaces(prior, Object({{"o", Value::Unknown()}}), path, errors));
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_FALSE(Replaces(prior, prior, {{AttributeStep("nowhere")}}, errors));
  EXPECT_THAT(errors, ElementsAre("nowhere is nowhere"));
}

}  // namespace
}  // namespace espalier::provider
