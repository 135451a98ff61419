#include "tests/conformance/core/core.h"

#include <utility>

#include "engine/base/io.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

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
  Encode(prior, *request.mutable_prior_state());
  Encode(proposed, *request.mutable_proposed_new_state());
  Encode(config, *request.mutable_config());
  return Call(&Stub::PlanResourceChange, request);
}

tfplugin6::ValidateResourceConfig::Response Core::Validate(const Schema& schema,
                                                           const Value& config,
                                                           bool write_only_allowed) const {
  tfplugin6::ValidateResourceConfig::Request request;
  request.set_type_name(schema.type_name);
  request.mutable_client_capabilities()->set_write_only_attributes_allowed(write_only_allowed);
  Encode(config, *request.mutable_config());
  return Call(&Stub::ValidateResourceConfig, request);
}

void Core::Configure() const {
  tfplugin6::ConfigureProvider::Request request;
  request.set_terraform_version("1.11.4");
  Encode(ObjectOf(schemas_.provider(), {{"endpoint", Text(options_.engine)},
                                        {"token", Text(options_.token)},
                                        {"instance", Text("core")}}),
         *request.mutable_config());
  EXPECT_EQ(ErrorsOf(Call(&Stub::ConfigureProvider, request)), "");
}

void Core::Shutdown() const {
  const grpc::Status status = channel_.Shutdown();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

const Core& TheCore() { return *Holder(); }
void SetTheCore(std::unique_ptr<Core> core) { Holder() = std::move(core); }

Value MinimalConfig(const Schema& schema) {
  Value::Entries entries;
  for (const Attribute& attribute : schema.attributes) {
    if (attribute.use != Attribute::Use::kRequired) continue;
    entries.emplace_back(attribute.name, Sample(attribute));
  }
  return ObjectOf(schema.attributes, std::move(entries));
}

}  // namespace espalier::provider
