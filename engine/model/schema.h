// Schemas: the model as JSON Schema and as OpenAPI, for editors, other languages' clients and
// validators. Generated from the same options as everything else. Pure, thread-safe.
#pragma once

#include <string>

#include "engine/model/kind.h"

namespace espalier {

// The JSON Schema (draft 2020-12) of documents of the kind, as indented JSON.
std::string JsonSchemaOf(const KindInfo& kind);

// The OpenAPI 3.1 description of the REST interface, as indented JSON.
std::string OpenApiJson();

}  // namespace espalier
