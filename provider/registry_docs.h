// RegistryDocs: the provider's reference in the form that Terraform's registry shows, generated
// from what core is told of the schema. Whatever the provider gains (a resource, a function, an
// action) has its page without a line here. Pure but for the reading of examples.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "provider/schema_json.h"

namespace espalier::provider {

// The text of a file below examples/; empty if there is none.
using ExampleReader = std::function<std::string(const std::string& path)>;

// Pages by their path below the folder of documentation: "index.md", "resources/vm.md",
// "data-sources/vm.md", "functions/ref.md" and so on. Where examples are looked for is in
// examples/README.md.
std::map<std::string, std::string> RegistryDocs(const SchemaAnswers& answers,
                                                const ExampleReader& example);

}  // namespace espalier::provider
