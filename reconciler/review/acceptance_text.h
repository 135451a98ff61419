// What is said of an accepted drift: the pull request that declares it, and the answer to whoever
// asked. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "reconciler/forge/forge.h"
#include "reconciler/patch.h"
#include "reconciler/review/drift_choice.h"
#include "reconciler/review/forges.h"

namespace espalier {

// What of a choice was written into files, and what was not.
struct AcceptedDrift {
  std::vector<FileChange> files;
  // "2 fields of 1 object".
  std::string counts;
  // A table: where, what, from what to what, and who did it.
  std::string table;
  std::vector<LeftOut> left_out;
};

// REQUIRES: the result is of the edits for the choice's objects.
AcceptedDrift AcceptedIn(const DriftChoice& choice, PatchResult result);

// Why each of them cannot be declared, as a list; empty if there are none.
std::string LeftOutText(const std::vector<LeftOut>& left_out);

// The change that is proposed, but for its base branch.
ProposedChange ChangeOf(const std::string& source, const std::string& commit,
                        const GivenCommand& given, const AcceptedDrift& accepted);

}  // namespace espalier
