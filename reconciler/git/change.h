// What a commit changes against another: files, and lines in them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reconciler/git/changed_lines.h"
#include "reconciler/git/open_repository.h"
#include "reconciler/git/tree.h"

namespace espalier {

struct ChangedFile {
  enum class Kind { kAdded, kModified, kDeleted, kRenamed };
  Kind kind = Kind::kModified;
  // After the change; before it for a deleted file.
  std::string path;
  // Before the change, of a renamed file.
  std::string old_path;
  // Empty for files that are not read anyway: larger than limits::kDocumentBytes, binary, symlinks.
  ChangedLines lines;
};

// What of the files below `folder` ("." is the root) is different in `after`, in order of paths:
// files that load would read, and entries that it would refuse. A file that was renamed into the
// folder or out of it counts. Renames are found as forges find them. RESOURCE_EXHAUSTED above
// limits::kSourceEntries changes; DATA_LOSS. REQUIRES: both trees are of one OpenRepository.
absl::StatusOr<std::vector<ChangedFile>> ChangesBetween(const GitTree& before, const GitTree& after,
                                                        const std::string& folder);

// How the lines of the file at `path` differ between two trees; nothing changed where one of them
// has no such file.
absl::StatusOr<ChangedLines> LinesBetween(const GitTree& before, const GitTree& after,
                                          const std::string& path);

}  // namespace espalier
