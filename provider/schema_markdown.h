// A schema in the words of a page of the reference: attributes in groups, what is nested in
// sections of its own. Pure.
#pragma once

#include <string>

#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

// A type, given as the protocol writes it: "List of String".
std::string TypeWords(const std::string& json);

// The same as a type constraint of the language: "list(string)".
std::string TypeConstraint(const std::string& json);

// Appends the section "Schema" to the page.
void AppendSchema(const tfplugin6::Schema& schema, std::string& page);

}  // namespace espalier::provider
