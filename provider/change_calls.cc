// Core's calls that read, plan and apply managed resources. Each has a part of its own and then the
// engine's, which several calls may share.
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "provider/connection.h"
#include "provider/identity.h"
#include "provider/plan.h"
#include "provider/provider.h"
#include "provider/readiness.h"
#include "provider/schema_proto.h"
#include "provider/started_call.h"
#include "provider/wire.h"
#include "provider/write_only.h"

namespace espalier::provider {
namespace {

// What became of the object: its state and identity, and what there is to say.
template <typename Response>
void AnswerWith(const Schema& schema, const Outcome& outcome, Response& response) {
  Encode(outcome.state, *response.mutable_new_state());
  response.set_private_(ToText(outcome.kept));
  response.clear_new_identity();
  if (!outcome.state.is_null()) {
    EncodeIdentity(schema, outcome.state, *response.mutable_new_identity());
  }
  Report(outcome.diagnostics, response);
}

}  // namespace

using Reading = StartedCall<tfplugin6::ReadResource>;
using Planning = StartedCall<tfplugin6::PlanResourceChange>;
using Applying = StartedCall<tfplugin6::ApplyResourceChange>;

// Both steps of one call.
template <typename Method>
void Provider::Finish(const Call<Method>& call) {
  StartedCall<Method> started = Start(call);
  if (!started.asks()) return;
  for (Rest& rest : Ask({std::move(started)})) {
    if (rest != nullptr) rest();
  }
}

// Read.

Reading Provider::Start(const Call<tfplugin6::ReadResource>& call) {
  const tfplugin6::ReadResource::Request& request = *call.request;
  tfplugin6::ReadResource::Response& response = *call.response;
  // Whatever goes wrong, state and private data stay what they were.
  *response.mutable_new_state() = request.current_state();
  response.set_private_(request.private_());
  if (request.has_current_identity()) {
    *response.mutable_new_identity() = request.current_identity();
  }
  Reading reading;
  reading.response = call.response;
  Diagnostics diagnostics;
  reading.schema = ResourceType(request.type_name(), diagnostics);
  if (reading.schema != nullptr) {
    auto state = Decode(reading.schema->attributes, request.current_state(), diagnostics);
    if (state && state->is_known()) {
      reading.connection = Connected(diagnostics);
      reading.kept = PrivateDataFrom(request.private_());
      reading.state = *std::move(state);
    }
  }
  Report(diagnostics, response);
  return reading;
}

void Reading::AskAlone() const {
  AnswerWith(*schema, connection->operations->Read(*schema, state, kept), *response);
}

std::vector<Rest> Provider::Ask(std::vector<Reading> calls) {
  std::vector<Rest> rests(calls.size());
  if (calls.size() == 1) {
    calls.front().AskAlone();
    return rests;
  }
  // By what one question can be about.
  std::map<std::tuple<Connection*, Kind, std::string>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Ref ref = calls[i].ref();
    groups[{calls[i].connection.get(), ref.kind, ref.ns}].push_back(i);
  }
  for (const auto& [question, members] : groups) {
    Operations& operations = *std::get<0>(question)->operations;
    std::vector<Ref> refs;
    for (const std::size_t i : members) refs.push_back(calls[i].ref());
    const absl::StatusOr<Objects> objects = operations.Find(refs);
    for (const std::size_t i : members) {
      Reading& call = calls[i];
      if (objects.ok()) {
        AnswerWith(*call.schema, operations.ReadFrom(*objects, *call.schema, call.state, call.kept),
                   *call.response);
      } else {
        rests[i] = [call = std::move(call)] { call.AskAlone(); };
      }
    }
  }
  return rests;
}

void Provider::Handle(const tfplugin6::ReadResource::Request& request,
                      tfplugin6::ReadResource::Response& response) {
  Finish<tfplugin6::ReadResource>({&request, &response});
}

// Plan.

Planning Provider::Start(const Call<tfplugin6::PlanResourceChange>& call) {
  const tfplugin6::PlanResourceChange::Request& request = *call.request;
  tfplugin6::PlanResourceChange::Response& response = *call.response;
  Planning planning;
  planning.response = call.response;
  Diagnostics diagnostics;
  response.set_planned_private(request.prior_private());
  planning.schema = ResourceType(request.type_name(), diagnostics);
  if (planning.schema != nullptr) {
    const Schema& schema = *planning.schema;
    auto prior = Decode(schema.attributes, request.prior_state(), diagnostics);
    const auto config = Decode(schema.attributes, request.config(), diagnostics);
    if (prior && config) {
      const std::shared_ptr<Connection> current = connection();
      const Value ns = current != nullptr ? current->settings.default_namespace : Value::Unknown();
      Problems problems;
      planning.prior = *std::move(prior);
      planning.kept = PrivateDataFrom(request.prior_private());
      // A destroy is told by the proposal; the configuration may still be there. Nothing else of
      // the proposal counts: it is made of the prior state and the configuration.
      planning.change = PlanChange(schema, planning.prior,
                                   IsNull(request.proposed_new_state()) ? Value() : *config, ns,
                                   planning.kept.takeover, problems);
      const Change& change = planning.change;
      Encode(change.planned, *response.mutable_planned_state());
      if (!change.planned.is_null()) {
        // Of one that is not known yet core cannot make the JSON of a plan.
        const Value identity = IdentityOf(schema, change.planned);
        if (identity.IsWhollyKnown()) {
          Encode(identity, *response.mutable_planned_identity()->mutable_identity_data());
        }
      }
      for (const Path& path : change.requires_replace) {
        *response.add_requires_replace() = ToProto(path);
      }
      diagnostics.Add(absl::StrCat("Invalid ", schema.type_name), problems);
      planning.target = PreviewTarget(schema, change, planning.prior);
      const bool can_ask =
          !problems.HasErrors() && current != nullptr && current->operations != nullptr;
      if (can_ask && planning.target) planning.connection = current;
    }
  }
  Report(diagnostics, response);
  return planning;
}

void Planning::AskAlone() const { Report(connection->operations->Preview(intent()), *response); }

std::vector<Rest> Provider::Ask(std::vector<Planning> calls) {
  std::vector<Rest> rests(calls.size());
  if (calls.size() == 1) {
    calls.front().AskAlone();
    return rests;
  }
  std::map<Connection*, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < calls.size(); ++i) groups[calls[i].connection.get()].push_back(i);
  for (const auto& [connection, members] : groups) {
    std::vector<Intent> intents;
    for (const std::size_t i : members) intents.push_back(calls[i].intent());
    if (connection->operations->HasNothingToSay(intents)) continue;
    for (const std::size_t i : members) {
      rests[i] = [call = std::move(calls[i])] { call.AskAlone(); };
    }
  }
  return rests;
}

void Provider::Handle(const tfplugin6::PlanResourceChange::Request& request,
                      tfplugin6::PlanResourceChange::Response& response) {
  Finish<tfplugin6::PlanResourceChange>({&request, &response});
}

// Apply.

Applying Provider::Start(const Call<tfplugin6::ApplyResourceChange>& call) {
  const tfplugin6::ApplyResourceChange::Request& request = *call.request;
  tfplugin6::ApplyResourceChange::Response& response = *call.response;
  *response.mutable_new_state() = request.prior_state();
  response.set_private_(request.planned_private());
  if (request.has_planned_identity()) {
    *response.mutable_new_identity() = request.planned_identity();
  }
  Applying applying;
  applying.response = call.response;
  Diagnostics diagnostics;
  applying.schema = ResourceType(request.type_name(), diagnostics);
  if (applying.schema != nullptr) {
    auto prior = Decode(applying.schema->attributes, request.prior_state(), diagnostics);
    auto planned = Decode(applying.schema->attributes, request.planned_state(), diagnostics);
    // Secrets are nowhere but in the configuration, and in few configurations.
    std::optional<Value> config =
        HaveSecrets(applying.schema->attributes)
            ? Decode(applying.schema->attributes, request.config(), diagnostics)
            : Value();
    if (prior && planned && config) {
      applying.wanted = WithSecrets(applying.schema->attributes, *prior, *planned, *config);
      applying.prior = *std::move(prior);
      applying.planned = *std::move(planned);
      applying.kept = PrivateDataFrom(request.planned_private());
      applying.connection = Connected(diagnostics);
    }
  }
  Report(diagnostics, response);
  return applying;
}

bool Applying::is_create() const {
  // Of what has members, only a create of its own says how many there is room for.
  return prior.is_null() && !planned.is_null() && !HasMembers(schema->kind->kind);
}

void Applying::Answer(const Outcome& outcome) const { AnswerWith(*schema, outcome, *response); }

void Applying::AskAlone() const {
  Operations& operations = *connection->operations;
  Answer(planned.is_null() ? operations.Delete(*schema, prior, kept)
         : prior.is_null() ? operations.Create(creation())
                           : operations.Update(*schema, prior, planned, wanted, kept));
}

// Creates are stored as one set; changes and ends are each their own, and may wait for long.
std::vector<Rest> Provider::Ask(std::vector<Applying> calls) {
  std::vector<Rest> rests(calls.size());
  std::map<Connection*, std::vector<std::size_t>> groups;
  const auto alone = [&](std::size_t i) {
    rests[i] = [call = std::move(calls[i])] { call.AskAlone(); };
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].is_create()) {
      groups[calls[i].connection.get()].push_back(i);
    } else {
      alone(i);
    }
  }
  const auto settle = [&](std::size_t i, Stored stored) {
    Applying& call = calls[i];
    const bool ready = call.connection->operations->IsReady(stored.object, call.planned);
    Rest rest = [call = std::move(call), stored = std::move(stored)]() mutable {
      call.Answer(call.connection->operations->Created(call.creation(), std::move(stored)));
    };
    if (ready) {
      rest();
    } else {
      rests[i] = std::move(rest);
    }
  };
  for (const auto& [connection, members] : groups) {
    Operations& operations = *connection->operations;
    if (members.size() == 1) {
      const Applying& call = calls[members.front()];
      Diagnostics diagnostics;
      std::optional<Stored> stored = operations.Store(call.creation(), diagnostics);
      if (stored.has_value()) {
        settle(members.front(), *std::move(stored));
      } else {
        call.Answer({.diagnostics = std::move(diagnostics)});
      }
      continue;
    }
    std::vector<Creation> creations;
    for (const std::size_t i : members) creations.push_back(calls[i].creation());
    absl::StatusOr<std::vector<Stored>> stored = operations.StoreAll(creations);
    std::size_t next = 0;
    for (const std::size_t i : members) {
      if (stored.ok()) {
        settle(i, std::move((*stored)[next++]));
      } else if (absl::IsFailedPrecondition(stored.status())) {
        alone(i);
      } else {
        Diagnostics diagnostics;
        diagnostics.Failure(CannotCreate(calls[i].creation()), stored.status());
        calls[i].Answer({.diagnostics = std::move(diagnostics)});
      }
    }
  }
  return rests;
}

void Provider::Handle(const tfplugin6::ApplyResourceChange::Request& request,
                      tfplugin6::ApplyResourceChange::Response& response) {
  Finish<tfplugin6::ApplyResourceChange>({&request, &response});
}

}  // namespace espalier::provider
