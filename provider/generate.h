// Generate: from state back to the configuration that somebody would have written for it. Pure.
#pragma once

#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// The shortest configuration whose plan from `state` is empty: what the engine computes and what
// equals its default is left out. The namespace stays: the provider's may be another one day.
// REQUIRES: `state` conforms to the schema, is wholly known and not null.
Value GenerateConfig(const Schema& schema, const Value& state);

}  // namespace espalier::provider
