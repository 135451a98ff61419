// Questions about the commits of a repository.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reconciler/git/open_repository.h"

namespace espalier {

// Whether `commit` follows from `ancestor` or is it. False if the repository lacks one of them.
bool Follows(const OpenRepository& repository, const std::string& commit,
             const std::string& ancestor);

// The commit from which two went apart. Of several (branches that were merged into each other) one:
// git would merge those first, which at most spares a conflict. FAILED_PRECONDITION: they have no
// history in common; NOT_FOUND: the repository lacks one of them; DATA_LOSS.
absl::StatusOr<std::string> MergeBase(const OpenRepository& repository, const std::string& one,
                                      const std::string& other);

// The commits that `tip` follows from (or is) and none of `known` does, parents before children.
// Ids in `known` that the repository lacks, and empty ones, say nothing. NOT_FOUND: it lacks `tip`;
// RESOURCE_EXHAUSTED: more than `limit`; DATA_LOSS.
absl::StatusOr<std::vector<std::string>> CommitsSince(const OpenRepository& repository,
                                                      const std::string& tip,
                                                      const std::vector<std::string>& known,
                                                      std::size_t limit);

}  // namespace espalier
