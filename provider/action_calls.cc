// Core's calls about actions.
#include <optional>

#include "absl/strings/str_cat.h"
#include "provider/actions.h"
#include "provider/connection.h"
#include "provider/provider.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

const ActionType* Required(const std::string& type_name, Diagnostics& diagnostics) {
  const ActionType* type = FindActionType(type_name);
  Required(type != nullptr ? &type->schema : nullptr, type_name, diagnostics);
  return type;
}

// The configuration if there is such a type and no mistake in it.
std::optional<Value> Checked(const ActionType* type, const tfplugin6::DynamicValue& wire,
                             Diagnostics& diagnostics) {
  if (type == nullptr) return std::nullopt;
  std::optional<Value> config = Decode(type->schema.attributes, wire, diagnostics);
  if (!config) return std::nullopt;
  // Of an action that depends on what is not there yet nothing may be known.
  if (config->is_unknown()) return config;
  if (config->is_null()) {
    diagnostics.Error("No configuration", "Terraform sent none.");
    return std::nullopt;
  }
  type->validate(*config, diagnostics);
  if (diagnostics.HasErrors()) return std::nullopt;
  return config;
}

}  // namespace

void Provider::Handle(const tfplugin6::ValidateActionConfig::Request& request,
                      tfplugin6::ValidateActionConfig::Response& response) {
  Diagnostics diagnostics;
  Checked(Required(request.type_name(), diagnostics), request.config(), diagnostics);
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::PlanAction::Request& request,
                      tfplugin6::PlanAction::Response& response) {
  // What an action will find is known when its turn comes: a plan only says what is wrong already.
  Diagnostics diagnostics;
  Checked(Required(request.action_type(), diagnostics), request.config(), diagnostics);
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::InvokeAction::Request& request,
                      Sink<tfplugin6::InvokeAction::Event> sink) {
  Diagnostics diagnostics;
  const ActionType* type = Required(request.action_type(), diagnostics);
  const auto config = Checked(type, request.config(), diagnostics);
  if (config && !config->IsWhollyKnown()) {
    diagnostics.Error(absl::StrCat("Cannot do ", request.action_type()),
                      "Its configuration is not wholly known.");
  }
  const auto connected = config && !diagnostics.HasErrors() ? Connected(diagnostics) : nullptr;
  if (connected != nullptr) {
    std::string told;
    const auto progress = [&](const std::string& message) {
      if (message == told) return true;
      told = message;
      tfplugin6::InvokeAction::Event event;
      event.mutable_progress()->set_message(message);
      return sink(event);
    };
    diagnostics = type->invoke({.config = *config,
                                .default_namespace = connected->settings.default_namespace,
                                .engine = *connected->engine,
                                .progress = progress});
  }
  // Exactly one, whatever happened: core waits for it.
  tfplugin6::InvokeAction::Event event;
  Report(diagnostics, *event.mutable_completed());
  sink(event);
}

}  // namespace espalier::provider
