// From a source and a loaded set to requests to the engine. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/model/ref.h"
#include "espalier/v1/cluster.pb.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/source_set.h"

namespace espalier {

// The owner of everything that the source declares.
Owner OwnerOf(const std::string& source, const std::string& commit);

// Has the request refused if the source is not at this revision any more; 0: if it exists.
void AddPremise(const std::string& source, std::int64_t revision, ApplyRequest& request);

// The whole set as the source's owner, with the source's scope, and with the proof that what is not
// in it is meant to be gone, unless the source does not prune. REQUIRES: set.valid().
ApplyRequest ApplyRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet& set);

// Drift of the source. Without a set what another hand deleted cannot be told.
DriftRequest DriftRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet* set);

// Whether carrying the plan out would write anything.
bool HasWork(const Plan& plan);

// Whether something of the plan could not be done yet and is to be tried again without a commit.
bool WasLeftUndone(const ApplyResult& result);

// The objects of the report that applying them again may heal, and that their own policy or else
// the source's (`mode`) says to correct. REQUIRES: the report is about the set.
std::vector<Ref> ToCorrect(const DriftReport& report, const LoadedSet& set,
                           v1::DriftPolicy::Mode mode);

// Only these objects of the set, as the source's owner: nothing is pruned.
ApplyRequest CorrectionOf(const std::string& source, const v1::GitSourceSpec& spec,
                          const LoadedSet& set, const std::set<Ref>& objects);

}  // namespace espalier
