#include "provider/testing/vm_world.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

// Errors and warnings of a response into a result.
template <typename Response, typename Result>
void Take(const Response& response, Result& result) {
  for (const tfplugin6::Diagnostic& diagnostic : response.diagnostics()) {
    const bool error = diagnostic.severity() == tfplugin6::Diagnostic::ERROR;
    EXPECT_NE(diagnostic.summary(), "");
    EXPECT_NE(diagnostic.detail(), "");
    (error ? result.errors : result.warnings)
        .push_back(absl::StrCat(diagnostic.summary(), ": ", diagnostic.detail()));
  }
}

}  // namespace

Value VmWorld::Config(Value::Entries more) {
  Value config =
      ObjectOf(schema_.attributes,
               {{"name", Text("build")}, {"namespace", Text("ci")}, {"image", Text("sonoma")}});
  for (auto& [name, value] : more) config.Set(name, std::move(value));
  return config;
}

VmWorld::Result VmWorld::Plan(const Value& prior, const Value& config,
                              const std::string& private_data) {
  tfplugin6::PlanResourceChange::Request request;
  request.set_type_name(schema_.type_name);
  request.set_prior_private(private_data);
  Encode(prior, *request.mutable_prior_state());
  Encode(config, *request.mutable_proposed_new_state());
  Encode(config, *request.mutable_config());
  const auto response = Ask<tfplugin6::PlanResourceChange>(request);
  Result result{.state = DecodeState(response.planned_state()),
                .identity = DecodeIdentity(response.planned_identity()),
                .private_data = response.planned_private()};
  for (const tfplugin6::AttributePath& path : response.requires_replace()) {
    result.replaces.push_back(path.steps(0).attribute_name());
  }
  Take(response, result);
  return result;
}

VmWorld::Result VmWorld::Apply(const Value& prior, const Value& planned,
                               const std::string& private_data) {
  tfplugin6::ApplyResourceChange::Request request;
  request.set_type_name(schema_.type_name);
  request.set_planned_private(private_data);
  Encode(prior, *request.mutable_prior_state());
  Encode(planned, *request.mutable_planned_state());
  return ResultOf(Ask<tfplugin6::ApplyResourceChange>(request));
}

VmWorld::Result VmWorld::Read(const Value& state, const std::string& private_data) {
  tfplugin6::ReadResource::Request request;
  request.set_type_name(schema_.type_name);
  request.set_private_(private_data);
  Encode(state, *request.mutable_current_state());
  return ResultOf(Ask<tfplugin6::ReadResource>(request));
}

VmWorld::Result VmWorld::Import(const std::string& id, const Value& identity) {
  tfplugin6::ImportResourceState::Request request;
  request.set_type_name(schema_.type_name);
  request.set_id(id);
  if (!identity.is_null()) Encode(identity, *request.mutable_identity()->mutable_identity_data());
  const auto response = Ask<tfplugin6::ImportResourceState>(request);
  Result result;
  if (response.imported_resources_size() == 1) {
    const auto& imported = response.imported_resources(0);
    result.state = DecodeState(imported.state());
    result.identity = DecodeIdentity(imported.identity());
    result.private_data = imported.private_();
  }
  Take(response, result);
  return result;
}

template <typename Response>
VmWorld::Result VmWorld::ResultOf(const Response& response) {
  Result result{.state = DecodeState(response.new_state()),
                .identity = DecodeIdentity(response.new_identity()),
                .private_data = response.private_()};
  Take(response, result);
  return result;
}

Value VmWorld::DecodeState(const tfplugin6::DynamicValue& wire) {
  return Decoded(schema_.attributes, wire);
}

Value VmWorld::DecodeIdentity(const tfplugin6::ResourceIdentityData& wire) {
  return wire.has_identity_data() ? Decoded(schema_.identity, wire.identity_data()) : Value();
}

const Resource* VmWorld::Stored() { return engine_.objects().Find(ref_); }

}  // namespace espalier::provider
