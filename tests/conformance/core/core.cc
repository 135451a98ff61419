#include "tests/conformance/core/core.h"

#include <utility>

#include "engine/base/io.h"

namespace espalier::provider {
namespace {

std::unique_ptr<Core>& Holder() {
  static std::unique_ptr<Core>& holder = *new std::unique_ptr<Core>();
  return holder;
}

Value Sample(const Attribute& attribute) {
  Value one;
  switch (attribute.shape) {
    case Attribute::Shape::kString:
      one = Value::String("sample");
      break;
    case Attribute::Shape::kNumber:
      one = Value::Of(Number::Of(1));
      break;
    case Attribute::Shape::kBool:
      one = Value::Bool(true);
      break;
    case Attribute::Shape::kObject: {
      Value::Entries entries;
      for (const Attribute& inner : attribute.attributes) {
        const bool required = inner.use == Attribute::Use::kRequired;
        entries.emplace_back(inner.name, required ? Sample(inner) : Value());
      }
      one = Value::Map(std::move(entries));
      break;
    }
  }
  switch (attribute.nesting) {
    case Attribute::Nesting::kSingle:
      return one;
    case Attribute::Nesting::kList:
      return Value::List({std::move(one)});
    case Attribute::Nesting::kMap:
      return Value::Map({{"key", std::move(one)}});
  }
  return one;
}

}  // namespace

Core::Core(CoreOptions options)
    : options_(std::move(options)),
      clock_(MakeRealClock()),
      channel_(*PluginChannel::Open(*clock_, *MakeRealIo(), options_.address)) {}

tfplugin6::UpgradeResourceState::Response Core::Upgrade(const std::string& type,
                                                        const std::string& json) const {
  tfplugin6::UpgradeResourceState::Request request;
  request.set_type_name(type);
  request.mutable_raw_state()->set_json(json);
  return Call(&Stub::UpgradeResourceState, request);
}

tfplugin6::PlanResourceChange::Response Core::Plan(const Schema& schema, const Value& prior,
                                                   const Value& config) const {
  Value proposed = config;
  if (proposed.is_known() && prior.is_known()) {
    for (const Attribute& attribute : schema.attributes) {
      const bool computed =
          attribute.use == Attribute::Use::kComputed || attribute.use == Attribute::Use::kDefaulted;
      if (computed && config.At(attribute.name).is_null()) {
        proposed.Set(attribute.name, prior.At(attribute.name));
      }
    }
  }
  tfplugin6::PlanResourceChange::Request request;
  request.set_type_name(schema.type_name);
  request.mutable_prior_state()->set_msgpack(WriteMsgpack(prior));
  request.mutable_proposed_new_state()->set_msgpack(WriteMsgpack(proposed));
  request.mutable_config()->set_msgpack(WriteMsgpack(config));
  return Call(&Stub::PlanResourceChange, request);
}

tfplugin6::ValidateResourceConfig::Response Core::Validate(const Schema& schema,
                                                           const Value& config) const {
  tfplugin6::ValidateResourceConfig::Request request;
  request.set_type_name(schema.type_name);
  request.mutable_config()->set_msgpack(WriteMsgpack(config));
  return Call(&Stub::ValidateResourceConfig, request);
}

void Core::Configure() const {
  tfplugin6::ConfigureProvider::Request request;
  request.set_terraform_version("1.11.4");
  request.mutable_config()->set_msgpack(
      WriteMsgpack(ObjectOf(schemas_.provider(), {{"endpoint", Value::String(options_.engine)},
                                                  {"token", Value::String(options_.token)},
                                                  {"instance", Value::String("core")}})));
  EXPECT_EQ(ErrorsOf(Call(&Stub::ConfigureProvider, request)), "");
}

void Core::Shutdown() const {
  const grpc::Status status = channel_.Shutdown();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

const Core& TheCore() { return *Holder(); }
void SetTheCore(std::unique_ptr<Core> core) { Holder() = std::move(core); }

Value ObjectOf(const Attributes& attributes, Value::Entries entries) {
  return *Conform(attributes, Value::Map(std::move(entries)), Strictness::kLenient);
}

Value MinimalConfig(const Schema& schema) {
  Value::Entries entries;
  for (const Attribute& attribute : schema.attributes) {
    if (attribute.use != Attribute::Use::kRequired) continue;
    entries.emplace_back(attribute.name, Sample(attribute));
  }
  return ObjectOf(schema.attributes, std::move(entries));
}

Value Decoded(const Schema& schema, const tfplugin6::DynamicValue& wire) {
  const absl::StatusOr<Value> value = ReadMsgpack(wire.msgpack());
  EXPECT_TRUE(value.ok()) << value.status();
  if (!value.ok()) return Value();
  const absl::StatusOr<Value> conforming = Conform(schema.attributes, *value, Strictness::kExact);
  EXPECT_TRUE(conforming.ok()) << conforming.status();
  return conforming.value_or(Value());
}

}  // namespace espalier::provider
