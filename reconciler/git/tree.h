// GitTree: the files of one commit, or of a merge that nobody made, read without a work tree:
// nothing of a repository is ever written to a path. libgit2 stays in the .cc. Belongs to one
// thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/load/source_walk.h"
#include "engine/model/problem.h"
#include "reconciler/git/open_repository.h"

namespace espalier {

class GitTree {
 public:
  // The tree of the commit of this id. NOT_FOUND: the repository does not have it; DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<GitTree>> Open(
      std::shared_ptr<const OpenRepository> repository, const std::string& commit);
  ~GitTree();

  // The files below `folder` ("." is the root) that load reads, with their blob ids and with paths
  // from the root; what is refused (see WalkSource, and files that are too large) is a problem.
  // NOT_FOUND: the commit has no such folder, which is never an empty one. RESOURCE_EXHAUSTED above
  // the limits; DATA_LOSS.
  absl::StatusOr<std::vector<FoundFile>> List(const std::string& folder, Problems& problems) const;

  // The bytes of a blob that List has named. DATA_LOSS.
  absl::StatusOr<std::string> Read(const std::string& blob) const;

  // For the other files of reconciler/git; Impl is defined in tree_impl.h.
  struct Impl;
  explicit GitTree(std::unique_ptr<Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  const std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
