// Ephemeral resources: what exists only while core plans or applies, and is in neither state nor
// plan. Core opens each at every plan and every apply, and closes it when the run is done with it.
// The table of types is in the .cc; to add one, write its file and add its row there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "provider/diagnostic.h"
#include "provider/engine.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

struct Opened {
  // What the run may use, with everything that was configured in it as it was; null after an error.
  Value result;
  // What closing needs. Core keeps it in memory, but it may be logged: never a secret.
  std::string private_data;
  Diagnostics diagnostics;
};

struct EphemeralType {
  Schema schema;
  // The mistakes of a configuration; what is unknown counts as valid.
  void (*validate)(const Value& config, Diagnostics& diagnostics);
  // REQUIRES: `config` is valid and wholly known.
  Opened (*open)(const Value& config, const Value& default_namespace, Engine& engine);
  // Gives back what Open got. What is gone already is fine.
  Diagnostics (*close)(const std::string& private_data, Engine& engine);
};

// In order of their names.
const std::vector<EphemeralType>& AllEphemeralTypes();
// Null if there is none.
const EphemeralType* FindEphemeralType(absl::string_view type_name);

// The types.
EphemeralType TokenType();
EphemeralType VmConnectionType();

}  // namespace espalier::provider
