// Readiness: when an object that was created or changed is what its user waits for. Pure.
#pragma once

#include "absl/time/time.h"
#include "engine/model/kind.h"
#include "provider/engine.h"

namespace espalier::provider {

// Most kinds are done once they are accepted. A VM that shall run is done when it runs as declared,
// and has failed when the engine will not start it again; one that is powered off is done once it
// has left its host; an Image once its digest is known. `why` says where it is, with the engine's
// reasons.
Verdict ReadinessOf(const Resource& resource);

// How long a kind is given to get ready, or to go, where its user says nothing.
absl::Duration DefaultTimeout(Kind kind);

}  // namespace espalier::provider
