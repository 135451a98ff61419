// Patches: files of a source's branch with other values declared in them. Values only.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/load/edit_file.h"
#include "espalier/v1/git_source.pb.h"

namespace espalier {

struct PatchRequest {
  v1::GitSourceSpec spec;
  // The commit whose files are patched: what is applied. The branch must still be there.
  std::string commit;
  struct File {
    // From the root of the repository.
    std::string path;
    std::vector<ObjectEdits> objects;
  };
  std::vector<File> files;
};

struct PatchResult {
  // Why nothing was patched; OK otherwise.
  absl::Status read;
  // Where the branch is now. Another than the commit: nothing was patched.
  std::string tip;
  struct File {
    std::string path;
    // As EditFile; NOT_FOUND: the commit does not have it.
    absl::Status status;
    EditedFile edited;
  };
  // As in the request.
  std::vector<File> files;
};

}  // namespace espalier
