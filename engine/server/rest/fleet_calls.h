// The calls about the whole fleet: drift, and the plan of a set. Thread-safe.
#pragma once

#include "engine/api/resources.h"
#include "engine/server/rest/http.h"

namespace espalier {

// Of everybody, or of the owner that the parameters `manager` and `instance` name.
HttpAnswer ShowDrift(Resources& resources, const CallContext& context, const HttpCall& call);

// What applying the documents in the body would do: {"items": [...]} or a list of them.
HttpAnswer PlanSet(Resources& resources, const CallContext& context, const HttpCall& call);

}  // namespace espalier
