// The parts of the OpenAPI description that its paths refer to: parameters, errors, schemas.
// Internal to the model.
#pragma once

#include <string>

#include "engine/model/writer.h"

namespace espalier {

// The member "components" of the description.
void WriteOpenApiComponents(DocumentWriter& writer);

// A member of a "content": that the type carries the schema of that name.
void WriteContent(const std::string& type, const std::string& schema, DocumentWriter& writer);

}  // namespace espalier
