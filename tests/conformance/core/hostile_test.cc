// What no core would send, and more of what it does than any command line makes: hostile bytes,
// calls in any order, many at once, and large ones.
#include <algorithm>
#include <functional>
#include <iostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "provider/actions.h"
#include "provider/ephemerals.h"
#include "provider/functions.h"
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

// Whether the provider reads what stands there. What it does not read is core's own business, or of
// parts that we do not have.
enum class Reads { kAlways, kNever, kIfItFits };

// A place in the request of a call where core puts bytes of its own; all else in it is as it should
// be.
struct Place {
  // "ReadResource.current_state".
  std::string name;
  // How many errors these bytes are answered with.
  std::function<int(const std::string& bytes)> errors;
  Reads reads;
};

template <typename Answers>
int CountErrors(const Answers& diagnostics) {
  return static_cast<int>(
      std::count_if(diagnostics.begin(), diagnostics.end(), [](const auto& diagnostic) {
        return diagnostic.severity() == tfplugin6::Diagnostic::ERROR;
      }));
}

template <typename Response>
int ErrorsIn(const Response& response) {
  return CountErrors(response.diagnostics());
}
int ErrorsIn(const tfplugin6::CallFunction::Response& response) { return response.has_error(); }
int ErrorsIn(const std::vector<tfplugin6::ListResource::Event>& events) {
  int errors = 0;
  for (const auto& event : events) errors += CountErrors(event.diagnostic());
  return errors;
}
int ErrorsIn(const std::vector<tfplugin6::InvokeAction::Event>& events) {
  int errors = 0;
  for (const auto& event : events) errors += CountErrors(event.completed().diagnostics());
  return errors;
}

template <typename Request, typename Response>
Response Send(Core::Method<Request, Response> method, const Request& request) {
  return TheCore().Call(method, request);
}
template <typename Request, typename Event>
std::vector<Event> Send(PluginChannel::StreamMethod<Request, Event> method,
                        const Request& request) {
  return TheCore().Stream(method, request);
}

// Collects the places of one call.
template <typename Method, typename Request>
class Of {
 public:
  Of(std::vector<Place>& places, const char* name, Method method, Request request)
      : places_(places), name_(name), method_(method), request_(std::move(request)) {}

  // Bytes, or text.
  template <typename Set>
  Of& Bytes(const char* place, Set set, Reads reads = Reads::kAlways) {
    places_.push_back({absl::StrCat(name_, ".", place),
                       [method = method_, request = request_, set](const std::string& bytes) {
                         Request hostile = request;
                         set(hostile, bytes);
                         return ErrorsIn(Send(method, hostile));
                       },
                       reads});
    return *this;
  }
  // A value, which core may send in either encoding.
  template <typename Where>
  Of& Value(const char* place, Where where, Reads reads = Reads::kAlways) {
    Bytes(
        place,
        [where](Request& request, const std::string& bytes) {
          where(request)->clear_json();
          where(request)->set_msgpack(bytes);
        },
        reads);
    return Bytes(
        place,
        [where](Request& request, const std::string& bytes) {
          where(request)->clear_msgpack();
          where(request)->set_json(bytes);
        },
        reads);
  }

 private:
  std::vector<Place>& places_;
  const char* name_;
  Method method_;
  Request request_;
};

// A request about a VM.
template <typename Request>
Request AboutVm() {
  Request request;
  request.set_type_name("espalier_vm");
  return request;
}

// Places of every call that has any; others_test.py compares them with the protocol.
std::vector<Place> AllPlaces() {
  std::vector<Place> places;
  const Value vm = MinimalConfig(Vm());

  using namespace tfplugin6;
  Of(places, "ValidateProviderConfig", &Stub::ValidateProviderConfig,
     ValidateProviderConfig::Request())
      .Value("config", [](auto& request) { return request.mutable_config(); });

  Of(places, "ValidateResourceConfig", &Stub::ValidateResourceConfig,
     AboutVm<ValidateResourceConfig::Request>())
      .Value("config", [](auto& request) { return request.mutable_config(); });

  Of(places, "ValidateDataResourceConfig", &Stub::ValidateDataResourceConfig,
     AboutVm<ValidateDataResourceConfig::Request>())
      .Value("config", [](auto& request) { return request.mutable_config(); });

  Of(places, "UpgradeResourceState", &Stub::UpgradeResourceState,
     AboutVm<UpgradeResourceState::Request>())
      .Bytes("raw_state", [](auto& request, const std::string& bytes) {
        request.mutable_raw_state()->set_json(bytes);
      });

  Of(places, "UpgradeResourceIdentity", &Stub::UpgradeResourceIdentity,
     AboutVm<UpgradeResourceIdentity::Request>())
      .Bytes("raw_identity", [](auto& request, const std::string& bytes) {
        request.mutable_raw_identity()->set_json(bytes);
      });

  Of(places, "ReadResource", &Stub::ReadResource, AboutVm<ReadResource::Request>())
      .Value("current_state", [](auto& request) { return request.mutable_current_state(); });
  // What is gone has no private data and no identity.
  Of(places, "ReadResource", &Stub::ReadResource, AboutVm<ReadResource::Request>())
      .Bytes(
          "private", [](auto& request, const std::string& bytes) { request.set_private_(bytes); },
          Reads::kNever)
      .Value(
          "provider_meta", [](auto& request) { return request.mutable_provider_meta(); },
          Reads::kNever)
      .Value(
          "current_identity",
          [](auto& request) { return request.mutable_current_identity()->mutable_identity_data(); },
          Reads::kNever);

  auto plan = AboutVm<PlanResourceChange::Request>();
  Encode(vm, *plan.mutable_config());
  Encode(vm, *plan.mutable_proposed_new_state());
  Of(places, "PlanResourceChange", &Stub::PlanResourceChange, plan)
      .Value("prior_state", [](auto& request) { return request.mutable_prior_state(); })
      .Value("config", [](auto& request) { return request.mutable_config(); })
      // What counts is whether it is null.
      .Value(
          "proposed_new_state", [](auto& request) { return request.mutable_proposed_new_state(); },
          Reads::kNever)
      .Bytes(
          "prior_private",
          [](auto& request, const std::string& bytes) { request.set_prior_private(bytes); },
          Reads::kNever)
      .Value(
          "provider_meta", [](auto& request) { return request.mutable_provider_meta(); },
          Reads::kNever)
      .Value(
          "prior_identity",
          [](auto& request) { return request.mutable_prior_identity()->mutable_identity_data(); },
          Reads::kNever);

  // Of nothing, which becomes nothing.
  auto apply = AboutVm<ApplyResourceChange::Request>();
  Of(places, "ApplyResourceChange", &Stub::ApplyResourceChange, apply)
      .Value("prior_state", [](auto& request) { return request.mutable_prior_state(); })
      .Value("planned_state", [](auto& request) { return request.mutable_planned_state(); })
      .Bytes(
          "planned_private",
          [](auto& request, const std::string& bytes) { request.set_planned_private(bytes); },
          Reads::kNever)
      .Value(
          "provider_meta", [](auto& request) { return request.mutable_provider_meta(); },
          Reads::kNever)
      .Value(
          "planned_identity",
          [](auto& request) { return request.mutable_planned_identity()->mutable_identity_data(); },
          Reads::kNever);

  // Only where there may be secrets in it.
  apply.set_type_name("espalier_registry_credential");
  Of(places, "ApplyResourceChange", &Stub::ApplyResourceChange, apply)
      .Value("config", [](auto& request) { return request.mutable_config(); });

  Of(places, "ImportResourceState", &Stub::ImportResourceState,
     AboutVm<ImportResourceState::Request>())
      .Value("identity",
             [](auto& request) { return request.mutable_identity()->mutable_identity_data(); });

  MoveResourceState::Request move;
  move.set_source_provider_address("registry.terraform.io/espalier/espalier");
  move.set_source_type_name("espalier_vm");
  move.set_target_type_name("espalier_vm");
  Of(places, "MoveResourceState", &Stub::MoveResourceState, move)
      .Bytes("source_state", [](auto& request, const std::string& bytes) {
        request.mutable_source_state()->set_json(bytes);
      });
  move.mutable_source_state()->set_json(R"({"name": "a"})");
  Of(places, "MoveResourceState", &Stub::MoveResourceState, move)
      .Bytes(
          "source_private",
          [](auto& request, const std::string& bytes) { request.set_source_private(bytes); },
          Reads::kNever)
      .Bytes(
          "source_identity",
          [](auto& request, const std::string& bytes) {
            request.mutable_source_identity()->set_json(bytes);
          },
          Reads::kNever);

  Of(places, "ReadDataSource", &Stub::ReadDataSource, AboutVm<ReadDataSource::Request>())
      .Value("config", [](auto& request) { return request.mutable_config(); });
  auto data = AboutVm<ReadDataSource::Request>();
  data.set_type_name("espalier_vms");
  Encode(ObjectOf(TheCore().schemas().FindPluralDataSource("espalier_vms")->attributes, {}),
         *data.mutable_config());
  Of(places, "ReadDataSource", &Stub::ReadDataSource, data)
      .Value(
          "provider_meta", [](auto& request) { return request.mutable_provider_meta(); },
          Reads::kNever);

  Of(places, "GenerateResourceConfig", &Stub::GenerateResourceConfig,
     AboutVm<GenerateResourceConfig::Request>())
      .Value("state", [](auto& request) { return request.mutable_state(); });

  auto list = AboutVm<ValidateListResourceConfig::Request>();
  Encode(ObjectOf(TheCore().schemas().FindList("espalier_vm")->attributes, {}),
         *list.mutable_config());
  Of(places, "ValidateListResourceConfig", &Stub::ValidateListResourceConfig, list)
      .Value("config", [](auto& request) { return request.mutable_config(); })
      .Value(
          "include_resource_object",
          [](auto& request) { return request.mutable_include_resource_object(); }, Reads::kNever)
      .Value("limit", [](auto& request) { return request.mutable_limit(); }, Reads::kNever);
  Of(places, "ListResource", &Stub::ListResource, AboutVm<ListResource::Request>())
      .Value("config", [](auto& request) { return request.mutable_config(); });

  for (const FunctionInfo& function : AllFunctions()) {
    CallFunction::Request call;
    call.set_name(function.name);
    for (std::size_t i = 0; i < function.parameters.size(); ++i) {
      Encode(Text("sample"), *call.add_arguments());
    }
    Of of(places, "CallFunction", &Stub::CallFunction, call);
    for (int i = 0; i < call.arguments_size(); ++i) {
      of.Value("arguments", [i](auto& request) { return request.mutable_arguments(i); });
    }
  }

  for (const EphemeralType& type : AllEphemeralTypes()) {
    const auto about = [&](auto request) {
      request.set_type_name(type.schema.type_name);
      return request;
    };
    Of(places, "ValidateEphemeralResourceConfig", &Stub::ValidateEphemeralResourceConfig,
       about(ValidateEphemeralResourceConfig::Request()))
        .Value("config", [](auto& request) { return request.mutable_config(); });
    Of(places, "OpenEphemeralResource", &Stub::OpenEphemeralResource,
       about(OpenEphemeralResource::Request()))
        .Value("config", [](auto& request) { return request.mutable_config(); });
    // What was never opened needs neither.
    Of(places, "RenewEphemeralResource", &Stub::RenewEphemeralResource,
       about(RenewEphemeralResource::Request()))
        .Bytes(
            "private", [](auto& request, const std::string& bytes) { request.set_private_(bytes); },
            Reads::kNever);
    Of(places, "CloseEphemeralResource", &Stub::CloseEphemeralResource,
       about(CloseEphemeralResource::Request()))
        .Bytes(
            "private", [](auto& request, const std::string& bytes) { request.set_private_(bytes); },
            // A token's is its id, and one that there is not is gone.
            type.schema.type_name == "espalier_token" ? Reads::kIfItFits : Reads::kNever);
  }

  for (const ActionType& type : AllActionTypes()) {
    const auto about = [&](auto request) {
      if constexpr (requires { request.set_type_name(""); }) {
        request.set_type_name(type.schema.type_name);
      } else {
        request.set_action_type(type.schema.type_name);
      }
      return request;
    };
    Of(places, "ValidateActionConfig", &Stub::ValidateActionConfig,
       about(ValidateActionConfig::Request()))
        .Value("config", [](auto& request) { return request.mutable_config(); });
    Of(places, "PlanAction", &Stub::PlanAction, about(PlanAction::Request()))
        .Value("config", [](auto& request) { return request.mutable_config(); });
    Of(places, "InvokeAction", &Stub::InvokeAction, about(InvokeAction::Request()))
        .Value("config", [](auto& request) { return request.mutable_config(); });
  }

  Of(places, "ConfigureProvider", &Stub::ConfigureProvider, ConfigureProvider::Request())
      .Value("config", [](auto& request) { return request.mutable_config(); });
  return places;
}

std::string RandomBytes(Random& random, std::size_t length) {
  std::string bytes;
  for (std::size_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(random.Below(256)));
  return bytes;
}

// Any value at all.
Value RandomTree(Random& random, int depth) {
  switch (random.Below(depth > 0 ? 8 : 6)) {
    case 0:
      return Value();
    case 1:
      return Value::Unknown();
    case 2:
      return Value::Bool(random.Chance(0.5));
    case 3:
      return Whole(static_cast<std::int64_t>(random.Below(1 << 20)) - (1 << 19));
    case 4:
      return Value::Of(*Number::Parse("1e400"));
    case 5:
      return Value::String(RandomBytes(random, random.Below(20)));
    case 6: {
      Value::Items items;
      for (std::uint64_t i = random.Below(4); i > 0; --i) {
        items.push_back(RandomTree(random, depth - 1));
      }
      return Value::List(std::move(items));
    }
    default: {
      // Names that there are, and one that there is not.
      Value::Entries entries;
      for (const char* name : {"name", "image", "labels", "ports", "endpoint", "vm", "odd"}) {
        if (random.Chance(0.5)) entries.emplace_back(name, RandomTree(random, depth - 1));
      }
      return Value::Map(std::move(entries));
    }
  }
}

void ConfigureIfThereIsAnEngine() {
  if (!TheCore().options().engine.empty()) TheCore().Configure();
}

void ExpectStillWorks() {
  EXPECT_EQ(ErrorsOf(TheCore().Upgrade("espalier_vm", R"({"name": "a"})")), "");
}

TEST(Hostile, RandomBytesInEveryPlace) {
  ConfigureIfThereIsAnEngine();
  Random random(20260901);
  std::set<std::string> names;
  for (const Place& place : AllPlaces()) {
    SCOPED_TRACE(place.name);
    names.insert(place.name);
    std::vector<std::string> all = {
        // Lengths and depths beyond what is there, and keys that are no strings.
        "\xdd\xff\xff\xff\xff",
        "\xdf\xff\xff\xff\xff",
        "\xdb\xff\xff\xff\xff",
        "\xc9\xff\xff\xff\xff\x0c",
        std::string(100000, '\x91'),
        std::string(100000, '\x81'),
        std::string(100000, '['),
        "\xc7\x02\x0c\x81\x02",
        // A key twice, text that is none, a number without end.
        R"({"name": "a", "name": "b"})",
        "{\"name\": \"\xff\"}",
        R"({"name": 1e999999999999})",
    };
    for (int round = 0; round < 50; ++round) {
      all.push_back(RandomBytes(random, 2 + random.Below(200)));
    }
    for (const std::string& bytes : all) {
      const int errors = place.errors(bytes);
      // What is ignored today and read tomorrow has to be told then.
      if (place.reads != Reads::kIfItFits) {
        EXPECT_EQ(errors > 0, place.reads == Reads::kAlways)
            << absl::BytesToHexString(bytes.substr(0, 16));
      }
    }
  }
  for (const std::string& name : names) std::cout << "place: " << name << "\n";
  ExpectStillWorks();
}

TEST(Hostile, AnyValueInEveryPlace) {
  ConfigureIfThereIsAnEngine();
  Random random(20260902);
  for (const Place& place : AllPlaces()) {
    SCOPED_TRACE(place.name);
    // Some happen to fit, and null often does: what counts is that there is an answer.
    for (int round = 0; round < 50; ++round) place.errors(WriteMsgpack(RandomTree(random, 4)));
  }
  ExpectStillWorks();
}

// Whatever is no request is refused by gRPC's own means; what happens to be one is answered.
TEST(Hostile, RandomBytesForEveryRequest) {
  ConfigureIfThereIsAnEngine();
  Random random(20260903);
  for (const std::string method : {"GetMetadata",
                                   "GetProviderSchema",
                                   "ValidateProviderConfig",
                                   "ValidateResourceConfig",
                                   "ValidateDataResourceConfig",
                                   "UpgradeResourceState",
                                   "ConfigureProvider",
                                   "ReadResource",
                                   "PlanResourceChange",
                                   "ApplyResourceChange",
                                   "ImportResourceState",
                                   "MoveResourceState",
                                   "ReadDataSource",
                                   "GetResourceIdentitySchemas",
                                   "UpgradeResourceIdentity",
                                   "GenerateResourceConfig",
                                   "ValidateListResourceConfig",
                                   "ListResource",
                                   "GetFunctions",
                                   "CallFunction",
                                   "ValidateEphemeralResourceConfig",
                                   "OpenEphemeralResource",
                                   "RenewEphemeralResource",
                                   "CloseEphemeralResource",
                                   "ValidateActionConfig",
                                   "PlanAction",
                                   "InvokeAction",
                                   "StopProvider"}) {
    SCOPED_TRACE(method);
    for (int round = 0; round < 50; ++round) {
      const grpc::Status status =
          TheCore().CallWithBytes(method, RandomBytes(random, random.Below(100)));
      EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::INTERNAL)
          << status.error_code() << ": " << status.error_message();
    }
    std::cout << "call: " << method << "\n";
  }
  ExpectStillWorks();
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
  running.reserve(kAtOnce);
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
