// Admission of deletions and replacements: what may go away, and what it leaves behind. Pure.
#pragma once

#include <set>
#include <string>

#include "absl/time/time.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"
#include "engine/plan/objects.h"

namespace espalier {

// Why the object must not be deleted now, together with those that are `going`; empty if it may. A
// Host is kept while VMs run on it, unless it drains on destroy; a Namespace while objects live in
// it that do not go with it.
std::string WhyNotDeletable(const Objects& objects, const Resource& resource,
                            const std::set<Ref>& going);

// Why an object is kept although its owner does not declare it any more; empty if nothing is
// against its going. What nobody has heard of for a while is not gone, and may come back.
std::string WhyNotPruned(const Resource& resource, absl::Time now);

// The status with which a new incarnation starts: empty, but for a Vm that may still run somewhere:
// it keeps its run as retiring, so that nothing takes its room before its agent has let go.
void StartNewIncarnation(const Resource& before, Resource& after);

// The run of a Vm's present incarnation as something that has to end, if it may be alive.
bool MayBeRunning(const v1::Vm& vm);

}  // namespace espalier
