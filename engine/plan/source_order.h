// Source order: GitSources that wait for others must name some that are there, and not each other
// in a circle. Pure.
#pragma once

#include <map>

#include "engine/model/problem.h"
#include "engine/model/ref.h"
#include "engine/plan/objects.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

// Checks the GitSources among `declared`, on top of those that stand. Names that there are not are
// errors only where `certain`: a preview may come before what it names. A circle within `declared`
// alone is left to InReferenceOrder, which finds it for every kind.
void CheckSourceOrder(const Objects& objects, const std::map<Ref, const v1::Declared*>& declared,
                      bool certain, Problems& problems);

}  // namespace espalier
