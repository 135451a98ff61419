// Settings: what the provider block and the environment say together. A value.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "engine/client/remote.h"
#include "provider/diagnostic.h"
#include "provider/value.h"

namespace espalier::provider {

inline constexpr char kRequestTimeout[] = "request_timeout";
inline constexpr absl::Duration kDefaultRequestTimeout = absl::Seconds(30);

struct Settings {
  RemoteOptions engine;
  std::string instance;
  // Namespace of objects that name none; unknown while it comes from another resource.
  Value default_namespace;
  // How long the engine may take for one answer.
  absl::Duration request_timeout = kDefaultRequestTimeout;
  // Imports may take over what another manager owns.
  bool transfer = false;
  // Attributes that are needed for talking to the engine and are not known yet.
  std::vector<std::string> unknown;
};

// Reads the provider block; variables stand in for attributes left out. What is missing is an error
// at its attribute; what is not known yet is remembered and only matters when the engine is needed.
// REQUIRES: `config` conforms to the schema.
Settings ReadSettings(const Value& config, const Environment& environment,
                      Diagnostics& diagnostics);

// The attribute whose value, from the block or the environment, an error about the connection
// names: "open /nowhere/ca.pem: ...". Empty if there is none.
Path AttributeNamedIn(absl::string_view error, const RemoteOptions& engine);

}  // namespace espalier::provider
