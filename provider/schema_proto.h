// The wire form of schemas, functions and paths. Pure.
#pragma once

#include <string>

#include "provider/diagnostic.h"
#include "provider/functions.h"
#include "provider/path.h"
#include "provider/schema.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

tfplugin6::Schema ToProto(const Attributes& attributes, absl::string_view description, int version);
tfplugin6::Function ToProto(const FunctionInfo& function);
// REQUIRES: no attribute is an object.
tfplugin6::ResourceIdentitySchema IdentityToProto(const Attributes& identity, int version);
tfplugin6::AttributePath ToProto(const Path& path);
tfplugin6::Diagnostic ToProto(const Diagnostic& diagnostic);

// Type JSON of an attribute without nested ones: ["map","string"].
std::string TypeJson(const Attribute& attribute);

}  // namespace espalier::provider
