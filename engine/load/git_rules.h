// What git may not declare, however valid it is: secrets, kinds that say who may declare what, and
// credentials, unless the source names them. The reconciler refuses it before it plans, `espalier
// validate --git` before it is pushed. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "engine/load/load.h"
#include "engine/model/problem.h"

namespace espalier {

// A problem for each secret that is written out, and for each object that a source with these
// `kinds` (all, if empty) may never declare. What is merely outside of its kinds and namespaces is
// for the engine to say.
void RefuseWhatIsNotFromGit(absl::Span<const std::string> kinds,
                            const std::vector<LoadedObject>& objects, Problems& problems);

}  // namespace espalier
