// From a source and a loaded set to requests to the engine. Pure.
#pragma once

#include <string>

#include "engine/api/resources.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/source_set.h"

namespace espalier {

// The owner of everything that the source declares.
Owner OwnerOf(const std::string& source, const std::string& commit);

// The whole set as the source's owner, with the source's scope, and with the proof that what is not
// in it is meant to be gone, unless the source does not prune. REQUIRES: set.valid().
ApplyRequest ApplyRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet& set);

// Drift of the source. Without a set what another hand deleted cannot be told.
DriftRequest DriftRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet* set);

// Whether carrying the plan out would write anything.
bool HasWork(const Plan& plan);

// Whether applying the set again may heal something in the report.
bool IsCorrectable(const DriftReport& report);

}  // namespace espalier
