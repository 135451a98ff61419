#include "provider/provider.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/conform.h"
#include "provider/msgpack.h"
#include "provider/plan.h"
#include "provider/schema_proto.h"

namespace espalier::provider {
namespace {

// A value from the wire in the shape of a schema; says what is wrong with it otherwise.
std::optional<Value> Decode(const Attributes& attributes, const tfplugin6::DynamicValue& wire,
                            Diagnostics& diagnostics) {
  absl::StatusOr<Value> value = Value();
  if (!wire.msgpack().empty()) {
    value = ReadMsgpack(wire.msgpack());
    if (value.ok()) value = Conform(attributes, *value, Strictness::kExact);
  } else if (!wire.json().empty()) {
    value = ReadStateJson(attributes, wire.json());
  }
  if (value.ok()) return *std::move(value);
  diagnostics.Error(
      "Terraform sent a value that does not fit the schema",
      absl::StrCat(value.status().message(),
                   "\n\nProvider and Terraform disagree about the schema; this is a bug."));
  return std::nullopt;
}

void Encode(const Value& value, tfplugin6::DynamicValue& wire) {
  wire.set_msgpack(WriteMsgpack(value));
}

// Private data: what core keeps beside the state for us, unseen.
constexpr absl::string_view kAdoptMark = "adopt";
constexpr absl::string_view kTransferMark = "transfer";

Takeover TakeoverOf(absl::string_view private_data) {
  if (private_data == kAdoptMark) return Takeover::kAdopt;
  return private_data == kTransferMark ? Takeover::kTransfer : Takeover::kNone;
}

std::string MarkOf(Takeover takeover) {
  switch (takeover) {
    case Takeover::kNone:
      return "";
    case Takeover::kAdopt:
      return std::string(kAdoptMark);
    case Takeover::kTransfer:
      return std::string(kTransferMark);
  }
  return "";
}

template <typename Response>
void Report(const Diagnostics& diagnostics, Response& response) {
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    *response.add_diagnostics() = ToProto(diagnostic);
  }
}

const Schema* Required(const Schema* schema, const std::string& type_name,
                       Diagnostics& diagnostics) {
  if (schema == nullptr) {
    diagnostics.Error("Unknown type", absl::StrCat("This provider has no ", type_name, "."));
  }
  return schema;
}

void FillCapabilities(tfplugin6::ServerCapabilities& capabilities) {
  capabilities.set_plan_destroy(true);
  capabilities.set_get_provider_schema_optional(true);
}

}  // namespace

struct Provider::Connection {
  Settings settings;
  // Null while settings are not known.
  std::shared_ptr<Resources> resources;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Operations> operations;
};

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
  for (const Schema& schema : schemas().data_sources()) {
    (*response.mutable_data_source_schemas())[schema.type_name] =
        ToProto(schema.attributes, schema.description, kSchemaVersion);
  }
}

void Provider::Handle(const tfplugin6::ValidateProviderConfig::Request& request,
                      tfplugin6::ValidateProviderConfig::Response& response) {
  // What is missing may still come from the environment of the machine that applies.
  Diagnostics diagnostics;
  Decode(schemas().provider(), request.config(), diagnostics);
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ValidateResourceConfig::Request& request,
                      tfplugin6::ValidateResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema =
      Required(schemas().FindResource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr) {
    if (const auto config = Decode(schema->attributes, request.config(), diagnostics)) {
      Problems problems;
      ValidateConfig(*schema, *config, problems);
      for (const Problem& problem : problems.list()) {
        diagnostics.Add(absl::StrCat("Invalid ", schema->type_name), problem);
      }
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ValidateDataResourceConfig::Request& request,
                      tfplugin6::ValidateDataResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema =
      Required(schemas().FindDataSource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr) Decode(schema->attributes, request.config(), diagnostics);
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::UpgradeResourceState::Request& request,
                      tfplugin6::UpgradeResourceState::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema =
      Required(schemas().FindResource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr && !request.raw_state().flatmap().empty()) {
    diagnostics.Error("State too old", "The state was written by Terraform 0.11 or earlier.");
  } else if (schema != nullptr) {
    const absl::StatusOr<Value> state =
        ReadStateJson(schema->attributes, request.raw_state().json());
    if (state.ok()) {
      Encode(*state, *response.mutable_upgraded_state());
      incarnations_.Remember(RefFor(*schema, *state), std::string(state->At(kUid).text()));
    } else {
      diagnostics.Failure("Cannot read the stored state", state.status());
    }
  }
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
      absl::StatusOr<std::shared_ptr<Resources>> resources = connector_(made->settings.engine);
      if (resources.ok()) {
        made->resources = *std::move(resources);
        made->engine = std::make_unique<Engine>(clock_, random_, stop_, *made->resources,
                                                made->settings.instance);
        made->operations = std::make_unique<Operations>(*made->engine, incarnations_, log_);
      } else {
        diagnostics.Failure("Cannot use this engine", resources.status());
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

void Provider::Handle(const tfplugin6::ReadResource::Request& request,
                      tfplugin6::ReadResource::Response& response) {
  Diagnostics diagnostics;
  // Whatever goes wrong, state and private data stay what they were.
  *response.mutable_new_state() = request.current_state();
  response.set_private_(request.private_());
  const Schema* schema =
      Required(schemas().FindResource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr) {
    const auto state = Decode(schema->attributes, request.current_state(), diagnostics);
    const auto connected = state && state->is_known() ? Connected(diagnostics) : nullptr;
    if (connected != nullptr) {
      Outcome outcome = connected->operations->Read(*schema, *state);
      Encode(outcome.state, *response.mutable_new_state());
      Report(outcome.diagnostics, response);
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::PlanResourceChange::Request& request,
                      tfplugin6::PlanResourceChange::Response& response) {
  Diagnostics diagnostics;
  response.set_planned_private(request.prior_private());
  const Schema* schema =
      Required(schemas().FindResource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr) {
    const auto prior = Decode(schema->attributes, request.prior_state(), diagnostics);
    const auto config = Decode(schema->attributes, request.config(), diagnostics);
    const auto proposed = Decode(schema->attributes, request.proposed_new_state(), diagnostics);
    if (prior && config && proposed) {
      const std::shared_ptr<Connection> current = connection();
      const Value ns = current != nullptr ? current->settings.default_namespace : Value::Unknown();
      Problems problems;
      // A destroy is told by the proposal; the configuration may still be there.
      const Takeover takeover = TakeoverOf(request.prior_private());
      const Change change = PlanChange(*schema, *prior, proposed->is_null() ? Value() : *config, ns,
                                       takeover, problems);
      Encode(change.planned, *response.mutable_planned_state());
      for (const Path& path : change.requires_replace) {
        *response.add_requires_replace() = ToProto(path);
      }
      for (const Problem& problem : problems.list()) {
        diagnostics.Add(absl::StrCat("Invalid ", schema->type_name), problem);
      }
      if (!problems.HasErrors() && current != nullptr && current->operations != nullptr) {
        Report(current->operations->Preview(*schema, change, *prior, takeover), response);
      }
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ApplyResourceChange::Request& request,
                      tfplugin6::ApplyResourceChange::Response& response) {
  Diagnostics diagnostics;
  *response.mutable_new_state() = request.prior_state();
  response.set_private_(request.planned_private());
  const Schema* schema =
      Required(schemas().FindResource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr) {
    const auto prior = Decode(schema->attributes, request.prior_state(), diagnostics);
    const auto planned = Decode(schema->attributes, request.planned_state(), diagnostics);
    const auto connected = prior && planned ? Connected(diagnostics) : nullptr;
    if (connected != nullptr) {
      Operations& operations = *connected->operations;
      Outcome outcome =
          planned->is_null() ? operations.Delete(*schema, *prior)
          : prior->is_null()
              ? operations.Create(*schema, *planned)
              : operations.Update(*schema, *prior, *planned, TakeoverOf(request.planned_private()));
      response.set_private_(MarkOf(outcome.takeover));
      Encode(outcome.state, *response.mutable_new_state());
      Report(outcome.diagnostics, response);
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ImportResourceState::Request& request,
                      tfplugin6::ImportResourceState::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema =
      Required(schemas().FindResource(request.type_name()), request.type_name(), diagnostics);
  const auto connected = schema != nullptr ? Connected(diagnostics) : nullptr;
  if (connected != nullptr) {
    Outcome outcome = connected->operations->Import(
        *schema, request.id(), connected->settings.default_namespace, connected->settings.transfer);
    if (!outcome.state.is_null()) {
      tfplugin6::ImportResourceState::ImportedResource& imported =
          *response.add_imported_resources();
      imported.set_type_name(request.type_name());
      Encode(outcome.state, *imported.mutable_state());
      imported.set_private_(MarkOf(outcome.takeover));
    }
    Report(outcome.diagnostics, response);
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::MoveResourceState::Request& request,
                      tfplugin6::MoveResourceState::Response& response) {
  Diagnostics diagnostics;
  diagnostics.Error("Cannot move between types",
                    absl::StrCat("A ", request.source_type_name(), " cannot become a ",
                                 request.target_type_name(),
                                 ". Remove the one from state and import or create the other."));
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ReadDataSource::Request& request,
                      tfplugin6::ReadDataSource::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema =
      Required(schemas().FindDataSource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr) {
    const auto config = Decode(schema->attributes, request.config(), diagnostics);
    const auto connected = config && config->is_known() ? Connected(diagnostics) : nullptr;
    if (connected != nullptr) {
      Outcome outcome =
          connected->operations->ReadData(*schema, *config, connected->settings.default_namespace);
      Encode(outcome.state, *response.mutable_state());
      Report(outcome.diagnostics, response);
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::StopProvider::Request&, tfplugin6::StopProvider::Response&) {
  log_.Info("stopping on request");
  stop_.Stop();
}

}  // namespace espalier::provider
