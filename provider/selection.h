// Selection: which objects of a kind a list or a plural data source is about. Pure.
#pragma once

#include "engine/api/resources.h"
#include "engine/model/problem.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// The mistakes of a selection, with their paths. What is unknown counts as valid. REQUIRES:
// `selection` conforms to the schema.
void ValidateSelection(const Schema& schema, const Value& selection, Problems& problems);

// What to ask the engine for: everything of the kind where nothing is selected. REQUIRES:
// `selection` conforms to the schema and is wholly known.
Query QueryFor(const Schema& schema, const Value& selection);

}  // namespace espalier::provider
