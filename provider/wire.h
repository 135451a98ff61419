// Wire: values and diagnostics between core's messages and ours. Pure.
#pragma once

#include <optional>
#include <string>

#include "provider/diagnostic.h"
#include "provider/schema.h"
#include "provider/schema_proto.h"
#include "provider/value.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

// A value from the wire in the shape of a schema; says what is wrong with it otherwise.
std::optional<Value> Decode(const Attributes& attributes, const tfplugin6::DynamicValue& wire,
                            Diagnostics& diagnostics);
// Whether it says null, or nothing at all, without reading what else it says.
bool IsNull(const tfplugin6::DynamicValue& wire);
void Encode(const Value& value, tfplugin6::DynamicValue& wire);
// The identity of an object. REQUIRES: it is not null.
void EncodeIdentity(const Schema& schema, const Value& object,
                    tfplugin6::ResourceIdentityData& wire);

// The schema itself; null with a diagnostic if there is no such type.
const Schema* Required(const Schema* schema, const std::string& type_name,
                       Diagnostics& diagnostics);

template <typename Response>
void Report(const Diagnostics& diagnostics, Response& response) {
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    *response.add_diagnostics() = ToProto(diagnostic);
  }
}

}  // namespace espalier::provider
