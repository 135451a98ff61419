#include "tests/bench/provider_core.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/wire.h"

namespace espalier {
namespace {

using provider::Value;
using Stub = PluginChannel::Stub;

[[noreturn]] void Give(absl::string_view what) {
  std::cerr << what << "\n";
  std::exit(1);
}

PluginChannel OpenOrGiveUp(const Clock& clock, Io& io, const ProviderAddress& address) {
  absl::StatusOr<PluginChannel> channel = PluginChannel::Open(clock, io, address);
  if (!channel.ok()) Give(channel.status().ToString());
  return *std::move(channel);
}

// Ends the program if the call fails or has errors to tell.
template <typename Request, typename Response>
void Call(const PluginChannel& channel, absl::string_view name,
          PluginChannel::Method<Request, Response> method, const Request& request,
          Response& response) {
  const grpc::Status status = channel.Call(method, request, response);
  if (!status.ok()) Give(absl::StrCat(name, ": ", status.error_message()));
  const std::string errors = ErrorsOf(response);
  if (!errors.empty()) Give(absl::StrCat(name, ": ", errors));
}

Value ObjectOf(const tfplugin6::Schema& schema, const Value::Entries& given) {
  Value::Entries all;
  for (const auto& attribute : schema.block().attributes())
    all.emplace_back(attribute.name(), Value());
  Value object = Value::Map(std::move(all));
  for (const auto& [name, value] : given) object.Set(name, value);
  return object;
}

}  // namespace

ProviderCore::ProviderCore(Clock& clock, Io& io, const ProviderAddress& address)
    : channel_(OpenOrGiveUp(clock, io, address)) {}

void ProviderCore::GetSchema() {
  Call(channel_, "GetProviderSchema", &Stub::GetProviderSchema,
       tfplugin6::GetProviderSchema::Request(), schema_);
  if (schema_.resource_schemas().empty()) Give("the schema is empty");
}

void ProviderCore::Configure(const Value::Entries& given) {
  tfplugin6::ConfigureProvider::Request request;
  provider::Encode(ObjectOf(schema_.provider(), given), *request.mutable_config());
  tfplugin6::ConfigureProvider::Response response;
  Call(channel_, "ConfigureProvider", &Stub::ConfigureProvider, request, response);
}

Value ProviderCore::Object(const std::string& type_name, const Value::Entries& given) const {
  const auto found = schema_.resource_schemas().find(type_name);
  if (found == schema_.resource_schemas().end()) Give(absl::StrCat("no type ", type_name));
  return ObjectOf(found->second, given);
}

tfplugin6::PlanResourceChange::Response ProviderCore::PlanCreate(const std::string& type_name,
                                                                 const Value& config) {
  tfplugin6::PlanResourceChange::Request request;
  request.set_type_name(type_name);
  provider::Encode(Value(), *request.mutable_prior_state());
  provider::Encode(config, *request.mutable_config());
  *request.mutable_proposed_new_state() = request.config();
  tfplugin6::PlanResourceChange::Response response;
  Call(channel_, "PlanResourceChange", &Stub::PlanResourceChange, request, response);
  return response;
}

tfplugin6::ApplyResourceChange::Response ProviderCore::ApplyCreate(
    const std::string& type_name, const Value& config,
    const tfplugin6::PlanResourceChange::Response& plan) {
  tfplugin6::ApplyResourceChange::Request request;
  request.set_type_name(type_name);
  provider::Encode(Value(), *request.mutable_prior_state());
  provider::Encode(config, *request.mutable_config());
  *request.mutable_planned_state() = plan.planned_state();
  request.set_planned_private(plan.planned_private());
  tfplugin6::ApplyResourceChange::Response response;
  Call(channel_, "ApplyResourceChange", &Stub::ApplyResourceChange, request, response);
  return response;
}

tfplugin6::ReadResource::Response ProviderCore::Read(const std::string& type_name,
                                                     const tfplugin6::DynamicValue& state) {
  tfplugin6::ReadResource::Request request;
  request.set_type_name(type_name);
  *request.mutable_current_state() = state;
  tfplugin6::ReadResource::Response response;
  Call(channel_, "ReadResource", &Stub::ReadResource, request, response);
  return response;
}

void ProviderCore::Shutdown() {
  const grpc::Status status = channel_.Shutdown();
  if (!status.ok()) Give(absl::StrCat("Shutdown: ", status.error_message()));
}

}  // namespace espalier
