#include "provider/conform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::provider {
namespace {

using ::testing::HasSubstr;

Attribute Of(const char* name, Attribute::Shape shape,
             Attribute::Nesting nesting = Attribute::Nesting::kSingle) {
  Attribute attribute;
  attribute.name = name;
  attribute.shape = shape;
  attribute.nesting = nesting;
  return attribute;
}

// {flags: map of bool, name: string, size: number, spots: list of {x: number}}
Attributes Example() {
  Attribute spots = Of("spots", Attribute::Shape::kObject, Attribute::Nesting::kList);
  spots.attributes = {Of("x", Attribute::Shape::kNumber)};
  return {Of("flags", Attribute::Shape::kBool, Attribute::Nesting::kMap),
          Of("name", Attribute::Shape::kString), Of("size", Attribute::Shape::kNumber), spots};
}

Value Exact(Value::Entries entries) {
  Value object =
      Value::Map({{"flags", Value()}, {"name", Value()}, {"size", Value()}, {"spots", Value()}});
  for (auto& [name, value] : entries) object.Set(name, value);
  return object;
}

TEST(ConformTest, TurnsTextIntoNumbersWhereTheSchemaSaysSo) {
  const Value given = Exact({{"size", Value::String("0.1")}, {"name", Value::String("0.1")}});
  const absl::StatusOr<Value> value = Conform(Example(), given, Strictness::kExact);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->At("size"), Value::Of(*Number::Parse("0.1")));
  EXPECT_EQ(value->At("name"), Value::String("0.1"));
}

TEST(ConformTest, LetsNullAndUnknownThroughAnywhere) {
  EXPECT_TRUE(Conform(Example(), Value(), Strictness::kExact)->is_null());
  const Value given = Exact(
      {{"flags", Value::Unknown()},
       {"spots", Value::List({Value::Unknown(), Value::Map({{"x", Value::Unknown()}}), Value()})}});
  EXPECT_EQ(*Conform(Example(), given, Strictness::kExact), given);
}

TEST(ConformTest, NamesThePlaceOfWhatDoesNotFit) {
  struct {
    Value given;
    const char* place;
  } const kCases[] = {
      {Exact({{"name", Value::Bool(true)}}), "name"},
      {Exact({{"size", Value::String("many")}}), "size"},
      {Exact({{"size", Value::Bool(true)}}), "size"},
      {Exact({{"flags", Value::List({})}}), "flags"},
      {Exact({{"flags", Value::Map({{"a", Value::String("x")}})}}), "flags[\"a\"]"},
      {Exact({{"spots", Value::List({Value::Map({})})}}), "spots[0].x"},
      {Value::Map({{"name", Value()}}), "flags"},
      {Exact({{"more", Value()}}), "attributes that the schema has not"},
      {Value::String("x"), "an object"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.place);
    const absl::StatusOr<Value> value = Conform(Example(), test.given, Strictness::kExact);
    ASSERT_FALSE(value.ok());
    EXPECT_THAT(std::string(value.status().message()), HasSubstr(test.place));
  }
}

TEST(ConformTest, WhatAStateDoesNotHaveHasItsDefault) {
  Attributes attributes = Example();
  for (Attribute& attribute : attributes) {
    if (attribute.name == "name") attribute.default_value = Value::String("main");
  }
  EXPECT_EQ(ReadStateJson(attributes, "{}")->At("name"), Value::String("main"));
  EXPECT_TRUE(ReadStateJson(attributes, "{\"name\": null}")->At("name").is_null());
}

TEST(ConformTest, ReadsStatesOfOtherShapes) {
  const absl::StatusOr<Value> value =
      ReadStateJson(Example(), "{\"size\": 123456789012345678901234567890, \"old\": [1]}");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->At("size"), Value::Of(*Number::Parse("123456789012345678901234567890")));
  EXPECT_TRUE(value->At("name").is_null());
  EXPECT_EQ(value->Find("old"), nullptr);
  for (const char* json : {"", "[]", "{", "{\"name\": 1}", "{\"name\": \"\xff\"}", "{} {}"}) {
    SCOPED_TRACE(json);
    EXPECT_FALSE(ReadStateJson(Example(), json).ok());
  }
}

}  // namespace
}  // namespace espalier::provider
