// Readiness: when a created object is what its user waits for. Pure.
#pragma once

#include "engine/model/kind.h"
#include "provider/engine.h"

namespace espalier::provider {

// Most kinds are done once they are accepted; a VM that shall run is done when it runs, and has
// failed when the engine will not start it again. `why` says where it is, with the engine's
// reasons.
Verdict CreateVerdict(const Resource& resource);

// Whether CreateVerdict can be anything but done for this object.
bool TakesTime(const Resource& resource);

}  // namespace espalier::provider
