// Core's calls about managed resources, but for those of change_calls.cc.
#include "provider/provider.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "provider/conform.h"
#include "provider/connection.h"
#include "provider/generate.h"
#include "provider/identity.h"
#include "provider/plan.h"
#include "provider/schema_proto.h"
#include "provider/wire.h"

namespace espalier::provider {

const Schema* Provider::ResourceType(const std::string& type_name, Diagnostics& diagnostics) {
  return Required(schemas().FindResource(type_name), type_name, diagnostics);
}

std::optional<Value> Provider::ReadState(const Schema& schema, const tfplugin6::RawState& raw,
                                         Diagnostics& diagnostics) {
  if (!raw.flatmap().empty()) {
    diagnostics.Error("State too old", "The state was written by Terraform 0.11 or earlier.");
    return std::nullopt;
  }
  absl::StatusOr<Value> state = ReadStateJson(schema.attributes, raw.json());
  if (!state.ok()) {
    diagnostics.Failure("Cannot read the stored state", state.status());
    return std::nullopt;
  }
  incarnations_.Remember(RefFor(schema, *state), std::string(state->At(kUid).text()));
  return *std::move(state);
}

void Provider::Handle(const tfplugin6::ValidateResourceConfig::Request& request,
                      tfplugin6::ValidateResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
  if (schema != nullptr) {
    if (const auto config = Decode(schema->attributes, request.config(), diagnostics)) {
      Problems problems;
      ValidateConfig(*schema, *config, problems,
                     request.client_capabilities().write_only_attributes_allowed());
      diagnostics.Add(absl::StrCat("Invalid ", schema->type_name), problems);
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::UpgradeResourceState::Request& request,
                      tfplugin6::UpgradeResourceState::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
  const std::optional<Value> state =
      schema != nullptr ? ReadState(*schema, request.raw_state(), diagnostics) : std::nullopt;
  if (state) Encode(*state, *response.mutable_upgraded_state());
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::UpgradeResourceIdentity::Request& request,
                      tfplugin6::UpgradeResourceIdentity::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
  if (schema != nullptr) {
    const absl::StatusOr<Value> identity =
        ReadStateJson(schema->identity, request.raw_identity().json());
    if (identity.ok()) {
      Encode(*identity, *response.mutable_upgraded_identity()->mutable_identity_data());
    } else {
      diagnostics.Failure("Cannot read the stored identity", identity.status());
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ImportResourceState::Request& request,
                      tfplugin6::ImportResourceState::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
  const auto identity =
      schema != nullptr ? Decode(schema->identity, request.identity().identity_data(), diagnostics)
                        : std::nullopt;
  const auto connected = identity ? Connected(diagnostics) : nullptr;
  const std::optional<Ref> ref =
      connected != nullptr ? ImportTarget(*schema, request.id(), *identity,
                                          connected->settings.default_namespace, diagnostics)
                           : std::nullopt;
  if (ref) {
    Outcome outcome = connected->operations->Import(*schema, *ref, connected->settings.transfer);
    if (!outcome.state.is_null()) {
      tfplugin6::ImportResourceState::ImportedResource& imported =
          *response.add_imported_resources();
      imported.set_type_name(request.type_name());
      Encode(outcome.state, *imported.mutable_state());
      EncodeIdentity(*schema, outcome.state, *imported.mutable_identity());
      imported.set_private_(ToText(outcome.kept));
    }
    Report(outcome.diagnostics, response);
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::GenerateResourceConfig::Request& request,
                      tfplugin6::GenerateResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
  const auto state =
      schema != nullptr ? Decode(schema->attributes, request.state(), diagnostics) : std::nullopt;
  if (state && state->is_known()) {
    Encode(GenerateConfig(*schema, *state), *response.mutable_config());
  }
  Report(diagnostics, response);
}

// Between the addresses that one and the same provider has in several registries, an object keeps
// its type. From any other type there is no way: what it stands for is another thing.
void Provider::Handle(const tfplugin6::MoveResourceState::Request& request,
                      tfplugin6::MoveResourceState::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = ResourceType(request.target_type_name(), diagnostics);
  const bool ours = absl::EndsWith(request.source_provider_address(), "/espalier") &&
                    request.source_type_name() == request.target_type_name();
  if (schema != nullptr && !ours) {
    diagnostics.Error(
        "Cannot move between types",
        absl::StrCat("A ", request.source_type_name(), " of ", request.source_provider_address(),
                     " cannot become a ", request.target_type_name(),
                     ". Remove the one from state (a `removed` block) and import or "
                     "create the other."));
  } else if (schema != nullptr && request.source_schema_version() > kSchemaVersion) {
    diagnostics.Error("State too new",
                      "It was written by a newer version of this provider. Use that one.");
  } else if (schema != nullptr) {
    const std::optional<Value> state = ReadState(*schema, request.source_state(), diagnostics);
    if (state && state->At(kName).text().empty()) {
      diagnostics.Error("Cannot move the stored state", "It is not that of an object: no name.");
    } else if (state) {
      Encode(*state, *response.mutable_target_state());
      EncodeIdentity(*schema, *state, *response.mutable_target_identity());
      response.set_target_private(request.source_private());
    }
  }
  Report(diagnostics, response);
}

}  // namespace espalier::provider
