// Left alone: what of a live object stays as it is although its declaration says otherwise, because
// its policies or its source's rules say so. Plan and drift ask the same function, so that nothing
// is drift that no apply would change. Pure.
#pragma once

#include <string>

#include "engine/model/kind.h"
#include "engine/model/policy.h"

namespace espalier {

// Puts into `declared` what stays of `live`; what that changed, for people ("spec.cpu is left
// alone"), or empty. Policies themselves are never left alone: they could not be taken back.
std::string LeaveAlone(const Resource& live, const ObjectPolicies& policies,
                       const IgnoreBook& rules, Resource& declared);

}  // namespace espalier
