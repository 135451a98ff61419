// OpenRepository: a bare repository that is open for reading. What is written through it (the trees
// of a merge result) stays in memory and is gone with it: the files are never touched. libgit2
// stays in the .cc files. Belongs to one thread; open it anew for every piece of work, so that it
// sees what was fetched since.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "reconciler/git/git_library.h"

namespace espalier {

class OpenRepository {
 public:
  // NOT_FOUND: there is none at `path`; DATA_LOSS: it is damaged. `library` must outlive it.
  static absl::StatusOr<std::shared_ptr<const OpenRepository>> Open(const GitLibrary& library,
                                                                    const std::string& path);
  ~OpenRepository();

  // For the files of reconciler/git, which find it defined in libgit.h.
  struct Handles;
  const Handles& handles() const { return *handles_; }

 private:
  explicit OpenRepository(std::unique_ptr<Handles> handles);

  const std::unique_ptr<Handles> handles_;
};

}  // namespace espalier
