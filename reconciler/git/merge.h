// What merging one commit into another gives, without making the merge: in memory, no commit, no
// work tree. This is how a pull request is planned: not as its branch is, but as the target would
// be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reconciler/git/changed_lines.h"
#include "reconciler/git/open_repository.h"
#include "reconciler/git/tree.h"

namespace espalier {

// A file that both sides have changed so that a person has to choose.
struct MergeConflict {
  enum class Kind {
    // Both changed the same lines, or both changed a file that has none (then `lines` is empty).
    kContent,
    // Both added a file of this name.
    kBothAdded,
    // The target deleted what the head changed.
    kDeletedInTarget,
    // The head deleted what the target changed.
    kDeletedInHead,
    // The name stands for different things: renamed differently, or a file here and a folder there.
    kName,
  };
  Kind kind = Kind::kContent;
  // As the head calls the file; as the target does where the head has none.
  std::string path;
  // `ours` are lines of the target's file, `theirs` of the head's.
  std::vector<LineCollision> lines;
};

struct MergeResult {
  // In order of paths, at most limits::kMergeConflicts.
  std::vector<MergeConflict> conflicts;
  // What the merge results in; null if there are conflicts.
  std::unique_ptr<GitTree> tree;
};

// Merges the commit `head` into the commit `target`; `base` is what MergeBase says of them.
// Conflicts are an answer. NOT_FOUND: the repository does not have one of the commits;
// FAILED_PRECONDITION: the result has names that are no names; RESOURCE_EXHAUSTED: too many files,
// or too large ones changed on both sides, to be merged here; DATA_LOSS.
absl::StatusOr<MergeResult> MergeInMemory(std::shared_ptr<const OpenRepository> repository,
                                          const std::string& base, const std::string& target,
                                          const std::string& head);

}  // namespace espalier
