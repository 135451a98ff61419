// What an apply claims when it speaks for a GitSource. Reconciler and command line share it, so
// that a plan made by hand is the plan that the reconciler would make. Pure.
#pragma once

#include <string>

#include "engine/api/resources.h"
#include "espalier/v1/git_source.pb.h"

namespace espalier {

// Sets the source as the owner, its scope, the fields that it leaves alone, and, unless it does not
// prune, the proof that what is not in the request is meant to be gone. The commit is left open.
// REQUIRES: the request gets the whole set of the source.
void ActForSource(const std::string& source, const v1::GitSourceSpec& spec, ApplyRequest& request);

}  // namespace espalier
