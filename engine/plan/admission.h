// Admission of deletions and replacements: what may go away, and what it leaves behind. Pure.
#pragma once

#include <string>

#include "engine/model/kind.h"
#include "engine/plan/objects.h"

namespace espalier {

// Why the object must not be deleted now; empty if it may. A Host is kept while VMs run on it,
// unless it drains on destroy.
std::string WhyNotDeletable(const Objects& objects, const Resource& resource);

// The status with which a new incarnation starts: empty, but for a Vm that may still run somewhere:
// it keeps its run as retiring, so that nothing takes its room before its agent has let go.
void StartNewIncarnation(const Resource& before, Resource& after);

// The run of a Vm's present incarnation as something that has to end, if it may be alive.
bool MayBeRunning(const v1::Vm& vm);

}  // namespace espalier
