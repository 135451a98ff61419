// Settings: what the provider block and the environment say together. A value.
#pragma once

#include <string>
#include <vector>

#include "engine/client/remote.h"
#include "provider/diagnostic.h"
#include "provider/value.h"

namespace espalier::provider {

// Variables that stand in for attributes left out; empty where they are not set.
struct SettingsEnvironment {
  std::string engine;
  std::string token;
  std::string ca_file;
  std::string instance;
};

struct Settings {
  RemoteOptions engine;
  std::string instance;
  // Namespace of objects that name none; unknown while it comes from another resource.
  Value default_namespace;
  // Attributes that are needed for talking to the engine and are not known yet.
  std::vector<std::string> unknown;
};

// Reads the provider block. What is missing is an error at its attribute; what is not known yet is
// remembered and only matters when the engine is needed. REQUIRES: `config` conforms to the schema.
Settings ReadSettings(const Value& config, const SettingsEnvironment& environment,
                      Diagnostics& diagnostics);

}  // namespace espalier::provider
