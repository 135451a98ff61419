// GitTree: one commit in a mirror, read without a work tree: nothing of a repository is ever
// written to a path. libgit2 stays in the .cc. Belongs to one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/load/source_walk.h"
#include "engine/model/problem.h"
#include "reconciler/git/git_library.h"

namespace espalier {

class GitTree {
 public:
  // The commit of this id in the bare repository. NOT_FOUND: the mirror does not have it;
  // DATA_LOSS: the mirror is damaged. `library` must outlive the tree.
  static absl::StatusOr<std::unique_ptr<GitTree>> Open(const GitLibrary& library,
                                                       const std::string& mirror,
                                                       const std::string& commit);
  ~GitTree();

  // The files below `folder` ("." is the root) that load reads, with their blob ids and with paths
  // from the root; what is refused (see WalkSource, and files that are too large) is a problem.
  // NOT_FOUND: the commit has no such folder, which is never an empty one. RESOURCE_EXHAUSTED above
  // the limits; DATA_LOSS.
  absl::StatusOr<std::vector<FoundFile>> List(const std::string& folder, Problems& problems) const;

  // The bytes of a blob that List has named. DATA_LOSS.
  absl::StatusOr<std::string> Read(const std::string& blob) const;

  // Whether this commit follows from `ancestor` or is it. False also if the mirror has no such
  // commit.
  bool Follows(const std::string& ancestor) const;

 private:
  struct Impl;
  explicit GitTree(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
