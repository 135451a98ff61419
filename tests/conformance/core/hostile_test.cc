// What no core would send, and more of what it does than any command line makes: hostile bytes,
// calls in any order, many at once, and large ones.
#include <atomic>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "provider/msgpack.h"
#include "provider/testing/values.h"
#include "provider/wire.h"
#include "tests/conformance/core/core.h"

namespace espalier::provider {
namespace {

using Stub = Core::Stub;

const Schema& Vm() { return *TheCore().schemas().FindResource("espalier_vm"); }

TEST(Process, AnswersShutdown) { TheCore().Shutdown(); }

TEST(First, Plan) {
  const auto planned = TheCore().Plan(Vm(), Value(), MinimalConfig(Vm()));
  EXPECT_FALSE(Decoded(Vm().attributes, planned.planned_state()).is_null());
}

TEST(First, Validate) { TheCore().Validate(Vm(), MinimalConfig(Vm())); }

TEST(First, Upgrade) {
  EXPECT_EQ(ErrorsOf(TheCore().Upgrade("espalier_vm", R"({"name": "a"})")), "");
}

TEST(First, Metadata) {
  const auto metadata = TheCore().Call(&Stub::GetMetadata, tfplugin6::GetMetadata::Request());
  EXPECT_GT(metadata.resources_size(), 0);
}

TEST(Schema, Size) {
  const auto schema =
      TheCore().Call(&Stub::GetProviderSchema, tfplugin6::GetProviderSchema::Request());
  EXPECT_GT(schema.resource_schemas_size(), 0);
  std::cout << "schema bytes: " << schema.ByteSizeLong() << "\n";
}

// Every call that takes a value, with these bytes for each of its values.
struct Hostile {
  const char* name;
  std::function<int(const std::string& bytes)> call;
};

template <typename Request, typename Response>
Hostile Of(const char* name, Core::Method<Request, Response> method,
           std::function<void(const std::string&, Request&)> fill) {
  return {name, [=](const std::string& bytes) {
            Request request;
            fill(bytes, request);
            return TheCore().Call(method, request).diagnostics_size();
          }};
}

std::vector<Hostile> AllCalls() {
  return {
      Of<tfplugin6::ValidateProviderConfig::Request, tfplugin6::ValidateProviderConfig::Response>(
          "ValidateProviderConfig", &Stub::ValidateProviderConfig,
          [](const std::string& bytes, auto& request) {
            request.mutable_config()->set_msgpack(bytes);
          }),
      Of<tfplugin6::ValidateResourceConfig::Request, tfplugin6::ValidateResourceConfig::Response>(
          "ValidateResourceConfig", &Stub::ValidateResourceConfig,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_config()->set_msgpack(bytes);
          }),
      Of<tfplugin6::ValidateDataResourceConfig::Request,
         tfplugin6::ValidateDataResourceConfig::Response>(
          "ValidateDataResourceConfig", &Stub::ValidateDataResourceConfig,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_config()->set_msgpack(bytes);
          }),
      Of<tfplugin6::UpgradeResourceState::Request, tfplugin6::UpgradeResourceState::Response>(
          "UpgradeResourceState", &Stub::UpgradeResourceState,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_raw_state()->set_json(bytes);
          }),
      Of<tfplugin6::ReadResource::Request, tfplugin6::ReadResource::Response>(
          "ReadResource", &Stub::ReadResource,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_current_state()->set_msgpack(bytes);
          }),
      Of<tfplugin6::PlanResourceChange::Request, tfplugin6::PlanResourceChange::Response>(
          "PlanResourceChange", &Stub::PlanResourceChange,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_config()->set_msgpack(bytes);
            request.mutable_prior_state()->set_msgpack(bytes);
            request.mutable_proposed_new_state()->set_msgpack(bytes);
          }),
      Of<tfplugin6::ApplyResourceChange::Request, tfplugin6::ApplyResourceChange::Response>(
          "ApplyResourceChange", &Stub::ApplyResourceChange,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_config()->set_msgpack(bytes);
            request.mutable_prior_state()->set_msgpack(bytes);
            request.mutable_planned_state()->set_msgpack(bytes);
            request.set_planned_private(bytes);
          }),
      Of<tfplugin6::ImportResourceState::Request, tfplugin6::ImportResourceState::Response>(
          "ImportResourceState", &Stub::ImportResourceState,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_identity()->mutable_identity_data()->set_msgpack(bytes);
          }),
      Of<tfplugin6::MoveResourceState::Request, tfplugin6::MoveResourceState::Response>(
          "MoveResourceState", &Stub::MoveResourceState,
          [](const std::string& bytes, auto& request) {
            request.mutable_source_state()->set_json(bytes);
          }),
      Of<tfplugin6::ReadDataSource::Request, tfplugin6::ReadDataSource::Response>(
          "ReadDataSource", &Stub::ReadDataSource,
          [](const std::string& bytes, auto& request) {
            request.set_type_name("espalier_vm");
            request.mutable_config()->set_msgpack(bytes);
          }),
      Of<tfplugin6::ConfigureProvider::Request, tfplugin6::ConfigureProvider::Response>(
          "ConfigureProvider", &Stub::ConfigureProvider,
          [](const std::string& bytes, auto& request) {
            request.mutable_config()->set_msgpack(bytes);
          }),
  };
}

std::string RandomBytes(Random& random, std::size_t length) {
  std::string bytes;
  for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(random.Below(256)));
  return bytes;
}

TEST(Hostile, RandomBytesInEveryCall) {
  Random random(20260901);
  for (const struct Hostile& hostile : AllCalls()) {
    SCOPED_TRACE(hostile.name);
    for (int round = 0; round < 100; ++round) {
      hostile.call(RandomBytes(random, 1 + random.Below(200)));
    }
    // Lengths and depths beyond what is there, and keys that are no strings.
    for (const std::string& bytes :
         {std::string("\xdd\xff\xff\xff\xff"), std::string("\xdf\xff\xff\xff\xff"),
          std::string("\xdb\xff\xff\xff\xff"), std::string("\xc9\xff\xff\xff\xff\x0c"),
          std::string(100000, '\x91'), std::string(100000, '\x81'), std::string(100000, '['),
          std::string("\xc7\x02\x0c\x81\x02")}) {
      EXPECT_GT(hostile.call(bytes), 0) << absl::BytesToHexString(bytes.substr(0, 8));
    }
  }
  // It still works.
  EXPECT_EQ(ErrorsOf(TheCore().Upgrade("espalier_vm", R"({"name": "a"})")), "");
}

TEST(Hostile, EveryTruncation) {
  const std::string whole = WriteMsgpack(MinimalConfig(Vm()));
  for (std::size_t length = 1; length < whole.size(); ++length) {
    tfplugin6::ValidateResourceConfig::Request request;
    request.set_type_name("espalier_vm");
    request.mutable_config()->set_msgpack(whole.substr(0, length));
    EXPECT_EQ(TheCore().Call(&Stub::ValidateResourceConfig, request).diagnostics_size(), 1)
        << length;
  }
}

TEST(Size, FiftyMegabytes) {
  const std::string text(50 << 20, 'x');
  Value config = MinimalConfig(Vm());
  config.Set("guest_metadata", Value::Map({{"note", Value::String(text)}}));
  const auto planned = TheCore().Plan(Vm(), Value(), config);
  EXPECT_EQ(
      Decoded(Vm().attributes, planned.planned_state()).At("guest_metadata").At("note").text(),
      text);
  const auto upgraded = TheCore().Upgrade(
      "espalier_vm", absl::StrCat(R"({"name": "a", "guest_metadata": {"note": ")", text, R"("}})"));
  EXPECT_EQ(ErrorsOf(upgraded), "");
  EXPECT_EQ(
      Decoded(Vm().attributes, upgraded.upgraded_state()).At("guest_metadata").At("note").text(),
      text);
}

// One namespace from plan to destroy, with reads between.
void LiveThrough(const std::string& name, Random& random) {
  const provider::Schema& schema = *TheCore().schemas().FindResource("espalier_namespace");
  const auto config_with = [&](const std::string& text) {
    return ObjectOf(schema.attributes,
                    {{"name", Value::String(name)}, {"description", Value::String(text)}});
  };
  const auto apply = [&](const Value& prior, const Value& planned) {
    tfplugin6::ApplyResourceChange::Request request;
    request.set_type_name(schema.type_name);
    Encode(prior, *request.mutable_prior_state());
    Encode(planned, *request.mutable_planned_state());
    const auto answer = TheCore().Call(&Stub::ApplyResourceChange, request);
    EXPECT_EQ(ErrorsOf(answer), "");
    return Decoded(schema.attributes, answer.new_state());
  };
  Value state;
  for (int step = 0; step < 6; ++step) {
    const Value config = config_with(absl::StrCat("step ", random.Below(3)));
    const auto planned = TheCore().Plan(schema, state, config);
    EXPECT_EQ(ErrorsOf(planned), "");
    state = apply(state, Decoded(schema.attributes, planned.planned_state()));
    EXPECT_EQ(state.At("description"), config.At("description"));
    tfplugin6::ReadResource::Request request;
    request.set_type_name(schema.type_name);
    Encode(state, *request.mutable_current_state());
    const auto read = TheCore().Call(&Stub::ReadResource, request);
    EXPECT_EQ(Decoded(schema.attributes, read.new_state()), state);
    TheCore().Upgrade("espalier_vm", R"({"name": "a", "cpu": 3})");
    TheCore().Validate(Vm(), MinimalConfig(Vm()));
  }
  EXPECT_TRUE(apply(state, Value()).is_null());
}

TEST(Parallel, RandomCalls) {
  constexpr int kAtOnce = 24;
  TheCore().Configure();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  std::vector<std::unique_ptr<Thread>> running;
  for (int i = 0; i < kAtOnce; ++i) {
    running.push_back(threads->Start(absl::StrCat("core-", i), [i] {
      Random random(static_cast<std::uint64_t>(i) + 1);
      LiveThrough(absl::StrCat("parallel-", i), random);
    }));
  }
  for (auto& thread : running) thread->Join();
}

}  // namespace
}  // namespace espalier::provider
