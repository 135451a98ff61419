// SourceSet: what one commit of a source declares. Loads are cheap when little changed, because
// files are remembered parsed by the id of their bytes. Belongs to one thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/load/load.h"
#include "engine/model/problem.h"
#include "espalier/v1/git_source.pb.h"
#include "espalier/v1/resources_service.pb.h"
#include "reconciler/git/tree.h"

namespace espalier {

// One commit's declarations. Immutable once loaded.
struct LoadedSet {
  std::string commit;
  // In order of files and lines. Not to be applied when there are errors.
  std::vector<v1::Declared> declared;
  Problems problems;
  std::size_t files = 0;
  // Files that were parsed for this load: the others were known.
  std::size_t parsed = 0;

  bool valid() const { return !problems.HasErrors(); }
};

class SourceSet {
 public:
  // Loads the folder of `spec` at the tree's commit. What is wrong with the content (bad files, a
  // missing folder, too much of it, kinds that the source may not write) is in the set's problems;
  // the only error is DATA_LOSS: the mirror is damaged.
  absl::StatusOr<LoadedSet> Load(const GitTree& tree, const std::string& commit,
                                 const v1::GitSourceSpec& spec);

 private:
  // What LoadFile answers. It depends on nothing but a file's path and bytes.
  struct Parsed {
    std::vector<LoadedObject> objects;
    Problems problems;
  };
  using Key = std::pair<std::string, std::string>;  // blob, path

  absl::StatusOr<Parsed> ParseFile(const GitTree& tree, const FoundFile& file);

  // Of the files of the last load only, so that it cannot grow beyond one source.
  std::map<Key, Parsed> cache_;
};

}  // namespace espalier
