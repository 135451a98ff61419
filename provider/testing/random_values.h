// Schemas, configurations and states for tests that try whatever core might send. Deterministic for
// a seed. One thread.
#pragma once

#include "engine/base/random.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// A schema of this kind's with attributes that nobody has thought of, of every shape, nesting and
// use, besides those that all schemas have. The model knows none of them.
Schema RandomSchema(Random& random, const KindInfo& kind);

// A configuration as core may send it: what must be there is there, what only the provider says is
// null. `unknowns`: with values, members and whole objects that are not known yet.
Value RandomConfig(Random& random, const Attributes& attributes, bool unknowns);

// The configuration once everything is known, with all that it said already as it was.
Value Resolved(Random& random, const Attributes& attributes, const Value& config);

// Another configuration that mostly says the same.
Value Edited(Random& random, const Attributes& attributes, const Value& config, bool unknowns);

// What an engine may say of an object: wholly known, in the schema's shape, and never without what
// it always knows.
Value RandomState(Random& random, const Attributes& attributes);

}  // namespace espalier::provider
