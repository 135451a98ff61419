// SchemaJson: what "terraform providers schema -json" says of this provider, without Terraform.
// Pure.
#pragma once

#include <string>

#include "provider/provider.h"

namespace espalier::provider {

// One JSON object, indented, its keys sorted: the same bytes for the same schema. With the newline
// at its end.
std::string SchemaJson(Provider& provider);

}  // namespace espalier::provider
