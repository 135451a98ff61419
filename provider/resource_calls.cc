// Core's calls about managed resources.
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
namespace {

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

void EncodeIdentity(const Schema& schema, const Value& object,
                    tfplugin6::ResourceIdentityData& wire) {
  Encode(IdentityOf(schema, object), *wire.mutable_identity_data());
}

// What became of the object: its state and identity, and what there is to say.
template <typename Response>
void AnswerWith(const Schema& schema, const Outcome& outcome, Response& response) {
  Encode(outcome.state, *response.mutable_new_state());
  response.clear_new_identity();
  if (!outcome.state.is_null()) {
    EncodeIdentity(schema, outcome.state, *response.mutable_new_identity());
  }
  Report(outcome.diagnostics, response);
}

}  // namespace

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
      ValidateConfig(*schema, *config, problems);
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

void Provider::Handle(const tfplugin6::ReadResource::Request& request,
                      tfplugin6::ReadResource::Response& response) {
  Diagnostics diagnostics;
  // Whatever goes wrong, state and private data stay what they were.
  *response.mutable_new_state() = request.current_state();
  response.set_private_(request.private_());
  if (request.has_current_identity()) {
    *response.mutable_new_identity() = request.current_identity();
  }
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
  if (schema != nullptr) {
    const auto state = Decode(schema->attributes, request.current_state(), diagnostics);
    const auto connected = state && state->is_known() ? Connected(diagnostics) : nullptr;
    if (connected != nullptr) {
      const Outcome outcome = connected->operations->Read(*schema, *state);
      AnswerWith(*schema, outcome, response);
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::PlanResourceChange::Request& request,
                      tfplugin6::PlanResourceChange::Response& response) {
  Diagnostics diagnostics;
  response.set_planned_private(request.prior_private());
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
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
      if (!change.planned.is_null()) {
        EncodeIdentity(*schema, change.planned, *response.mutable_planned_identity());
      }
      for (const Path& path : change.requires_replace) {
        *response.add_requires_replace() = ToProto(path);
      }
      diagnostics.Add(absl::StrCat("Invalid ", schema->type_name), problems);
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
  if (request.has_planned_identity()) {
    *response.mutable_new_identity() = request.planned_identity();
  }
  const Schema* schema = ResourceType(request.type_name(), diagnostics);
  if (schema != nullptr) {
    const auto prior = Decode(schema->attributes, request.prior_state(), diagnostics);
    const auto planned = Decode(schema->attributes, request.planned_state(), diagnostics);
    const auto connected = prior && planned ? Connected(diagnostics) : nullptr;
    if (connected != nullptr) {
      Operations& operations = *connected->operations;
      const Outcome outcome =
          planned->is_null() ? operations.Delete(*schema, *prior)
          : prior->is_null()
              ? operations.Create(*schema, *planned)
              : operations.Update(*schema, *prior, *planned, TakeoverOf(request.planned_private()));
      response.set_private_(MarkOf(outcome.takeover));
      AnswerWith(*schema, outcome, response);
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
      imported.set_private_(MarkOf(outcome.takeover));
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
