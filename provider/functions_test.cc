#include "provider/functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "provider/msgpack.h"
#include "provider/testing/provider_world.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Value Image(Value registry, Value repository, Value tag, Value digest) {
  return Value::Map({{"registry", std::move(registry)},
                     {"repository", std::move(repository)},
                     {"tag", std::move(tag)},
                     {"digest", std::move(digest)}});
}

TEST(FunctionsTest, AnswersByTheirRules) {
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  struct Case {
    const char* function;
    std::vector<Value> arguments;
    Value result;
  };
  const Case cases[] = {
      {"parse_memory", {Text("12GiB")}, Value::Of(Number::Of(12288))},
      {"parse_image_reference",
       {Text("registry.example:5000/macos/sonoma:14.6")},
       Image(Text("registry.example:5000"), Text("macos/sonoma"), Text("14.6"), Value())},
      {"parse_image_reference",
       {Text("registry.example/sonoma")},
       Image(Text("registry.example"), Text("sonoma"), Text("latest"), Value())},
      {"parse_image_reference",
       {Text("registry.example/sonoma@" + digest)},
       Image(Text("registry.example"), Text("sonoma"), Value(), Text(digest))},
      {"parse_image_reference",
       {Text("registry.example/sonoma:14@" + digest)},
       Image(Text("registry.example"), Text("sonoma"), Text("14"), Text(digest))},
      {"ref", {Text("ci"), Text("build")}, Text("ci/build")},
      {"ref", {Value(), Text("mac-01")}, Text("mac-01")},
      // What is not known yet makes the result so, wherever it is.
      {"parse_memory", {Value::Unknown()}, Value::Unknown()},
      {"parse_image_reference", {Value::Unknown({.not_null = true})}, Value::Unknown()},
      {"ref", {Text("ci"), Value::Unknown()}, Value::Unknown()},
      {"ref", {Value::Unknown(), Text("not a name, but perhaps never used")}, Value::Unknown()},
      {"ref", {Value(), Value::Unknown()}, Value::Unknown()},
  };
  for (const Case& c : cases) {
    const FunctionAnswer answer = CallFunction(c.function, c.arguments);
    EXPECT_EQ(answer.error, "") << c.function;
    EXPECT_EQ(answer.result, c.result) << c.function;
  }
}

TEST(FunctionsTest, BlamesTheRightArgument) {
  struct Case {
    const char* function;
    std::vector<Value> arguments;
    std::optional<int> argument;
    const char* why;
  };
  const Value list = Value::List({Text("12GiB")});
  const Case cases[] = {
      {"parse_memory", {Text("12GB")}, 0, "none of B"},
      {"parse_memory", {Value()}, 0, "memory must not be null"},
      {"parse_memory", {Value::Of(Number::Of(12))}, 0, "memory must be a string"},
      {"parse_memory", {list}, 0, "memory must be a string"},
      {"parse_memory", {Value::List({Value::Unknown()})}, 0, "memory must be a string"},
      {"parse_image_reference", {Text("ubuntu:24.04")}, 0, "must begin with its registry"},
      {"parse_image_reference", {Value()}, 0, "reference must not be null"},
      {"ref", {Text("Ci"), Text("build")}, 0, "\"Ci\" is no name"},
      {"ref", {Text("ci"), Text("a/b")}, 1, "\"a/b\" is no name"},
      {"ref", {Value(), Text("")}, 1, "\"\" is no name"},
      {"ref", {Text("ci"), Value()}, 1, "name must not be null"},
      // Null is certain, whatever the unknown one turns out to be.
      {"ref", {Value::Unknown(), Value()}, 1, "name must not be null"},
      {"ref", {Value::Bool(true), Text("build")}, 0, "namespace must be a string"},
      {"ref", {}, std::nullopt, "takes 2 arguments, not 0"},
      {"ref", std::vector<Value>(50, Text("a")), std::nullopt, "takes 2 arguments, not 50"},
      {"reverse", {Text("a")}, std::nullopt, "no function reverse"},
  };
  for (const Case& c : cases) {
    const FunctionAnswer answer = CallFunction(c.function, c.arguments);
    EXPECT_THAT(answer.error, HasSubstr(c.why));
    EXPECT_EQ(answer.argument, c.argument) << c.why;
    EXPECT_TRUE(answer.result.is_null()) << c.why;
  }
}

// The provider is never configured.
class FunctionCallsTest : public testing::Test, protected ProviderWorld {};

TEST_F(FunctionCallsTest, AreCalledWithoutAConfiguration) {
  tfplugin6::CallFunction::Request request;
  request.set_name("parse_memory");
  request.add_arguments()->set_msgpack(WriteMsgpack(Text("12GiB")));
  const auto response = Ask<tfplugin6::CallFunction>(request);
  EXPECT_FALSE(response.has_error()) << response.error().text();
  EXPECT_EQ(response.result().msgpack(), WriteMsgpack(Value::Of(Number::Of(12288))));
}

TEST_F(FunctionCallsTest, TellWhichArgumentIsWrongAndOtherwiseNone) {
  tfplugin6::CallFunction::Request request;
  request.set_name("ref");
  request.add_arguments()->set_msgpack(WriteMsgpack(Text("ci")));
  auto response = Ask<tfplugin6::CallFunction>(request);
  ASSERT_TRUE(response.has_error());
  EXPECT_FALSE(response.error().has_function_argument());
  // No bytes are null.
  request.add_arguments();
  response = Ask<tfplugin6::CallFunction>(request);
  EXPECT_EQ(response.error().function_argument(), 1);
  // Bytes that are no value.
  request.mutable_arguments(0)->set_msgpack("\xc1");
  response = Ask<tfplugin6::CallFunction>(request);
  ASSERT_TRUE(response.error().has_function_argument());
  EXPECT_EQ(response.error().function_argument(), 0);
  EXPECT_FALSE(response.has_result());
  // Nor is it taken for null, which some arguments may be.
  request.set_name("ref");
  request.mutable_arguments(0)->clear_msgpack();
  request.mutable_arguments(0)->set_json("\"ci\"");
  Encode(Text("build"), *request.add_arguments());
  response = Ask<tfplugin6::CallFunction>(request);
  EXPECT_THAT(response.error().text(), HasSubstr("JSON"));
}

TEST_F(FunctionCallsTest, AreAnnouncedEverywhereAlike) {
  const auto functions = Ask<tfplugin6::GetFunctions>({});
  const auto schema = Ask<tfplugin6::GetProviderSchema>({});
  const auto metadata = Ask<tfplugin6::GetMetadata>({});
  std::vector<std::string> names;
  for (const auto& function : metadata.functions()) names.push_back(function.name());
  EXPECT_THAT(names, ElementsAre("parse_image_reference", "parse_memory", "ref"));
  ASSERT_EQ(functions.functions_size(), 3);
  ASSERT_EQ(schema.functions_size(), 3);
  for (const std::string& name : names) {
    const tfplugin6::Function& function = schema.functions().at(name);
    EXPECT_EQ(functions.functions().at(name).SerializeAsString(), function.SerializeAsString());
    // Core dies of a function without one.
    EXPECT_NE(function.return_().type(), "") << name;
    EXPECT_NE(function.summary(), "") << name;
    for (const auto& parameter : function.parameters()) {
      EXPECT_NE(parameter.description(), "") << name;
      EXPECT_FALSE(parameter.allow_unknown_values()) << name;
    }
  }
  EXPECT_TRUE(schema.functions().at("ref").parameters(0).allow_null_value());
  EXPECT_FALSE(schema.functions().at("ref").parameters(1).allow_null_value());
}

}  // namespace
}  // namespace espalier::provider
