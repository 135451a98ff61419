// The commit of a ProposedChange names what it holds, so that whoever comes again (after a crash,
// with something newer, or beside another reconciler) sees what stands on the branch. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "reconciler/forge/forge.h"

namespace espalier::forge {

// The change's title, and a trailer with the hash of everything that it holds.
std::string CommitMessageOf(const ProposedChange& change);

// What the commit at the head of a branch is to a change.
enum class StandingCommit {
  // The very change.
  kSame,
  // An earlier change of ours.
  kOurs,
  // Somebody else's: nothing that may be written over.
  kForeign,
};
StandingCommit StandingOf(const std::string& message, const ProposedChange& change);

// FAILED_PRECONDITION that says what to do about kForeign.
absl::Status HasForeignCommits(const ProposedChange& change);

// A refusal that says that there is one already, though there was none a moment ago: another
// reconciler was faster, and the next call finds it. Any other status as it is.
absl::Status UnlessOvertaken(const absl::Status& status);

}  // namespace espalier::forge
