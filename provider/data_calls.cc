// Core's calls about data sources: one object, or all that match.
#include "provider/provider.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/connection.h"
#include "provider/convert.h"
#include "provider/selection.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

// All of them lie in the state of whoever asks, and in a message of core's that has a bound: who
// needs more than these has forgotten the selector.
constexpr std::size_t kMostItems = 10'000;

// The selection with its items.
Value ReadMany(const Schema& schema, const Value& config, Operations& operations,
               Diagnostics& diagnostics) {
  const Attributes& attributes = Find(schema.attributes, kItems)->attributes;
  Value::Items items;
  bool too_many = false;
  const auto take = [&](const Resource& resource) {
    too_many = items.size() == kMostItems;
    if (!too_many) items.push_back(ToValue(attributes, resource));
    return !too_many;
  };
  operations.List(QueryFor(schema, config), take, diagnostics);
  if (too_many) {
    diagnostics.Error(absl::StrCat("Too many ", schema.kind->plural),
                      absl::StrCat("More than ", kMostItems, " match. Narrow them by `selector`",
                                   schema.kind->namespaced ? " or `namespace`." : "."));
  }
  Value state = config;
  state.Set(kItems, Value::List(std::move(items)));
  return state;
}

}  // namespace

const Schema* Provider::DataSourceType(const std::string& type_name, Diagnostics& diagnostics) {
  const Schema* one = schemas().FindDataSource(type_name);
  return Required(one != nullptr ? one : schemas().FindPluralDataSource(type_name), type_name,
                  diagnostics);
}

void Provider::Handle(const tfplugin6::ValidateDataResourceConfig::Request& request,
                      tfplugin6::ValidateDataResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = DataSourceType(request.type_name(), diagnostics);
  const auto config =
      schema != nullptr ? Decode(schema->attributes, request.config(), diagnostics) : std::nullopt;
  if (config && schema->plural) {
    Problems problems;
    ValidateSelection(*schema, *config, problems);
    diagnostics.Add(absl::StrCat("Invalid ", schema->type_name), problems);
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ReadDataSource::Request& request,
                      tfplugin6::ReadDataSource::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema = DataSourceType(request.type_name(), diagnostics);
  const auto config =
      schema != nullptr ? Decode(schema->attributes, request.config(), diagnostics) : std::nullopt;
  const auto connected = config && config->is_known() ? Connected(diagnostics) : nullptr;
  if (connected != nullptr && schema->plural) {
    Encode(ReadMany(*schema, *config, *connected->operations, diagnostics),
           *response.mutable_state());
  } else if (connected != nullptr) {
    Outcome outcome =
        connected->operations->ReadData(*schema, *config, connected->settings.default_namespace);
    Encode(outcome.state, *response.mutable_state());
    Report(outcome.diagnostics, response);
  }
  Report(diagnostics, response);
}

}  // namespace espalier::provider
