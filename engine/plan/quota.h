// Quota: what the VMs and pools of a namespace declare together, against what its Namespace allows.
// Pure.
//
// Declared is what counts, not what runs: a VM that is powered off or waits for a host counts, one
// that is being deleted does not. A pool counts as all of its replicas, and its members, which are
// its controller's, not once more: what was allowed to be declared is never refused when it is
// made.
#pragma once

#include <memory>
#include <vector>

#include "engine/model/problem.h"
#include "engine/plan/objects.h"
#include "engine/plan/plan.h"

namespace espalier {

// Adds an error for each limit that the writes exceed, with the object that does; only what they
// add counts, so that a namespace above its quota may still shrink. A Namespace whose new quota is
// below what is declared gets a warning. `earlier` is counted as if it stood.
void CheckQuotas(const Objects& objects, const std::vector<PlannedWrite>& writes,
                 const EarlierObjects& earlier, Problems& problems);

// Whether what the request declares is counted: then nobody else may commit between its plan and
// its own commit.
bool CountsAgainstQuota(const Objects& objects, const v1::ApplyRequest& request);

}  // namespace espalier
