// SchemaJson: what "terraform providers schema -json" says of this provider, without Terraform.
// Pure.
#pragma once

#include <string>

#include "provider/provider.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

// Everything that core is told of the schema.
struct SchemaAnswers {
  tfplugin6::GetProviderSchema::Response schema;
  tfplugin6::GetResourceIdentitySchemas::Response identities;
};
SchemaAnswers AskForSchemas(Provider& provider);

// One JSON object, indented, its keys sorted: the same bytes for the same schema. With the newline
// at its end.
std::string SchemaJson(const SchemaAnswers& answers);

}  // namespace espalier::provider
