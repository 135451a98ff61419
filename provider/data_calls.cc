// Core's calls about data sources.
#include "provider/provider.h"

#include "provider/connection.h"
#include "provider/wire.h"

namespace espalier::provider {

void Provider::Handle(const tfplugin6::ValidateDataResourceConfig::Request& request,
                      tfplugin6::ValidateDataResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const Schema* schema =
      Required(schemas().FindDataSource(request.type_name()), request.type_name(), diagnostics);
  if (schema != nullptr) Decode(schema->attributes, request.config(), diagnostics);
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

}  // namespace espalier::provider
