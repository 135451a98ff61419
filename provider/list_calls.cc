// Core's calls about list resources.
#include "provider/provider.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "provider/connection.h"
#include "provider/convert.h"
#include "provider/identity.h"
#include "provider/selection.h"
#include "provider/wire.h"

namespace espalier::provider {

void Provider::Handle(const tfplugin6::ValidateListResourceConfig::Request& request,
                      tfplugin6::ValidateListResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const Schema* list =
      Required(schemas().FindList(request.type_name()), request.type_name(), diagnostics);
  const auto config =
      list != nullptr ? Decode(list->attributes, request.config(), diagnostics) : std::nullopt;
  if (config) {
    Problems problems;
    ValidateSelection(*list, *config, problems);
    diagnostics.Add(absl::StrCat("Invalid list of ", list->type_name), problems);
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::ListResource::Request& request,
                      Sink<tfplugin6::ListResource::Event> sink) {
  Diagnostics diagnostics;
  const Schema* list =
      Required(schemas().FindList(request.type_name()), request.type_name(), diagnostics);
  const auto config =
      list != nullptr ? Decode(list->attributes, request.config(), diagnostics) : std::nullopt;
  const auto connected = config ? Connected(diagnostics) : nullptr;
  if (connected != nullptr) {
    const Schema& schema = *schemas().FindResource(request.type_name());
    std::int64_t left = request.limit();
    const auto show = [&](const Resource& resource) {
      const Value object = ToValue(schema.attributes, resource);
      tfplugin6::ListResource::Event event;
      Encode(IdentityOf(schema, object), *event.mutable_identity()->mutable_identity_data());
      event.set_display_name(std::string(object.At(kId).text()));
      if (request.include_resource_object()) Encode(object, *event.mutable_resource_object());
      return sink(event) && --left != 0;
    };
    Query query = QueryFor(*list, *config);
    // Without a limit, and above the engine's own, a page is as large as the engine makes it.
    query.set_page_size(
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, limits::kPageSize)));
    connected->operations->List(std::move(query), show, diagnostics);
  }
  if (diagnostics.empty()) return;
  tfplugin6::ListResource::Event event;
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    *event.add_diagnostic() = ToProto(diagnostic);
  }
  sink(event);
}

}  // namespace espalier::provider
