// Whether commits are signed by those who may write to a repository.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/git/open_repository.h"

namespace espalier {

// By name, as GitSourceSpec.signers.
using Signers = google::protobuf::Map<std::string, v1::Signer>;

struct SignedRange {
  std::size_t commits = 0;
  // Who signed them.
  std::set<std::string> signers;
};

// Checks every commit that `tip` follows from (or is) and none of `trusted` does: each must carry
// an SSH signature for git by a key of a signer, made on a day (by the committer's clock, in UTC)
// on which the key counts, and may change only what that signer may. A merge commit changes
// whatever differs from any of its parents: which of them is the first is up to whoever makes it,
// and from that parent's side an old state of a folder looks like none. OpenPGP and X.509
// signatures do not count. PERMISSION_DENIED names the first commit that fails, and why;
// INVALID_ARGUMENT: a signer's key is none; RESOURCE_EXHAUSTED: more than limits::kSignedCommits;
// NOT_FOUND: the repository lacks `tip`; DATA_LOSS.
absl::StatusOr<SignedRange> CheckSignatures(const OpenRepository& repository,
                                            const std::string& tip,
                                            const std::vector<std::string>& trusted,
                                            const Signers& signers);

}  // namespace espalier
