#include "provider/provider.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/actions.h"
#include "provider/call_schema.h"
#include "provider/connection.h"
#include "provider/ephemerals.h"
#include "provider/functions.h"
#include "provider/identity.h"
#include "provider/schema_proto.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

void FillCapabilities(tfplugin6::ServerCapabilities& capabilities) {
  capabilities.set_plan_destroy(true);
  capabilities.set_get_provider_schema_optional(true);
  capabilities.set_move_resource_state(true);
  capabilities.set_generate_resource_config(true);
}

}  // namespace

Provider::Provider(Clock& clock, Random& random, Log& log, Environment environment,
                   Connector connector)
    : clock_(clock),
      random_(random),
      log_(log),
      environment_(std::move(environment)),
      connector_(std::move(connector)) {}

Provider::~Provider() = default;

const Schemas& Provider::schemas() {
  MutexLock lock(mu_);
  if (schemas_ == nullptr) schemas_ = std::make_unique<const Schemas>();
  return *schemas_;
}

std::shared_ptr<Provider::Connection> Provider::connection() {
  MutexLock lock(mu_);
  return connection_;
}

std::shared_ptr<Provider::Connection> Provider::Connected(Diagnostics& diagnostics) {
  std::shared_ptr<Connection> current = connection();
  if (current == nullptr) {
    diagnostics.Error("Provider not configured", "Terraform asked for work before configuring.");
    return nullptr;
  }
  if (current->operations == nullptr) {
    diagnostics.Error(
        "Provider configuration not known yet",
        absl::StrCat("The provider block takes ", absl::StrJoin(current->settings.unknown, ", "),
                     " from something that does not exist yet. Apply that first, with -target."));
    return nullptr;
  }
  return current;
}

void Provider::Handle(const tfplugin6::GetMetadata::Request&,
                      tfplugin6::GetMetadata::Response& response) {
  FillCapabilities(*response.mutable_server_capabilities());
  for (const Schema& schema : schemas().resources()) {
    response.add_resources()->set_type_name(schema.type_name);
  }
  for (const Schema& schema : schemas().data_sources()) {
    response.add_data_sources()->set_type_name(schema.type_name);
  }
  for (const Schema& schema : schemas().plural_data_sources()) {
    response.add_data_sources()->set_type_name(schema.type_name);
  }
  for (const Schema& schema : schemas().lists()) {
    response.add_list_resources()->set_type_name(schema.type_name);
  }
  for (const FunctionInfo& function : AllFunctions()) {
    response.add_functions()->set_name(function.name);
  }
  for (const EphemeralType& type : AllEphemeralTypes()) {
    response.add_ephemeral_resources()->set_type_name(type.schema.type_name);
  }
  for (const ActionType& type : AllActionTypes()) {
    response.add_actions()->set_type_name(type.schema.type_name);
  }
}

void Provider::Handle(const tfplugin6::GetProviderSchema::Request&,
                      tfplugin6::GetProviderSchema::Response& response) {
  FillCapabilities(*response.mutable_server_capabilities());
  *response.mutable_provider() = ToProto(
      schemas().provider(), "The engine and the name under which this configuration owns.", 0);
  for (const Schema& schema : schemas().resources()) {
    (*response.mutable_resource_schemas())[schema.type_name] =
        ToProto(schema.attributes, schema.description, kSchemaVersion);
  }
  for (const std::vector<Schema>* sources :
       {&schemas().data_sources(), &schemas().plural_data_sources()}) {
    for (const Schema& schema : *sources) {
      (*response.mutable_data_source_schemas())[schema.type_name] =
          ToProto(schema.attributes, schema.description, kSchemaVersion);
    }
  }
  for (const Schema& schema : schemas().lists()) {
    (*response.mutable_list_resource_schemas())[schema.type_name] =
        ToProto(schema.attributes, schema.description, kSchemaVersion);
  }
  for (const FunctionInfo& function : AllFunctions()) {
    (*response.mutable_functions())[function.name] = ToProto(function);
  }
  for (const EphemeralType& type : AllEphemeralTypes()) {
    (*response.mutable_ephemeral_resource_schemas())[type.schema.type_name] =
        ToProto(type.schema.attributes, type.schema.description, kSchemaVersion);
  }
  for (const ActionType& type : AllActionTypes()) {
    *(*response.mutable_action_schemas())[type.schema.type_name].mutable_schema() =
        ToProto(type.schema.attributes, type.schema.description, kSchemaVersion);
  }
}

void Provider::Handle(const tfplugin6::GetResourceIdentitySchemas::Request&,
                      tfplugin6::GetResourceIdentitySchemas::Response& response) {
  for (const Schema& schema : schemas().resources()) {
    (*response.mutable_identity_schemas())[schema.type_name] =
        IdentityToProto(schema.identity, kIdentityVersion);
  }
}

void Provider::Handle(const tfplugin6::ValidateProviderConfig::Request& request,
                      tfplugin6::ValidateProviderConfig::Response& response) {
  // What is missing may still come from the environment of the machine that applies.
  Diagnostics diagnostics;
  const auto config = Decode(schemas().provider(), request.config(), diagnostics);
  if (config) CheckDuration(*config, kRequestTimeout, diagnostics);
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ConfigureProvider::Request& request,
                      tfplugin6::ConfigureProvider::Response& response) {
  Diagnostics diagnostics;
  const auto config = Decode(schemas().provider(), request.config(), diagnostics);
  if (config) {
    auto made = std::make_shared<Connection>();
    made->settings = ReadSettings(*config, environment_, diagnostics);
    if (!diagnostics.HasErrors() && made->settings.unknown.empty()) {
      absl::StatusOr<std::shared_ptr<Remote>> remote = connector_(made->settings.engine);
      if (remote.ok()) {
        made->remote = *std::move(remote);
        made->engine =
            std::make_unique<Engine>(clock_, random_, stop_, *made->remote, made->settings.instance,
                                     made->settings.request_timeout);
        made->operations = std::make_unique<Operations>(*made->engine, incarnations_, log_);
      } else {
        diagnostics.Failure("Cannot use this engine", remote.status(),
                            AttributeNamedIn(remote.status().message(), made->settings.engine));
      }
    }
    stop_.Reset();
    if (!diagnostics.HasErrors()) {
      MutexLock lock(mu_);
      connection_ = std::move(made);
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::StopProvider::Request&, tfplugin6::StopProvider::Response&) {
  log_.Info("stopping on request");
  stop_.Stop();
}

}  // namespace espalier::provider
