// The scheduler's verdict about a plan, for LocalResources: whether all that it makes run finds
// room beside what stays. Pure.
#pragma once

#include "engine/server/local_resources.h"

namespace espalier {

v1::Capacity CapacityVerdictOf(const Objects& before, const PlanOutput& plan);

}  // namespace espalier
