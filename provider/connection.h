// Connection: what ConfigureProvider made, and what every call that needs the engine works with.
// Shared, because calls under way outlive a new configuration. Only for the provider's own files.
#pragma once

#include <memory>

#include "provider/engine.h"
#include "provider/operations.h"
#include "provider/provider.h"
#include "provider/settings.h"

namespace espalier::provider {

struct Provider::Connection {
  Settings settings;
  // Null while settings are not known.
  std::shared_ptr<Remote> remote;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Operations> operations;
};

}  // namespace espalier::provider
