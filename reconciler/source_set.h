// SourceSet: what commits of a source, and merges into them, declare. Loads are cheap when little
// differs from what is known, because files are remembered parsed by the id of their bytes, for as
// long as somebody holds them. Belongs to one thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
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
  std::vector<LoadedObject> declared;
  Problems problems;
  std::size_t files = 0;
  // Files that were parsed for this load: the others were known.
  std::size_t parsed = 0;
  // Objects in them.
  std::size_t parsed_objects = 0;
  // Hash of the names and bytes of all files: equal where two commits differ elsewhere only.
  std::string contents;

  bool valid() const { return !problems.HasErrors(); }
};

class SourceSet {
 public:
  // Who holds what the commit in force needs. All others hold only what they need beside it.
  static constexpr char kHead[] = "head";

  // Loads the folder of `spec` from the tree, for `holder` in place of what it held. What is wrong
  // with the content (bad files, a missing folder, too much of it, kinds that the source may not
  // write) is in the set's problems; the only error is DATA_LOSS: the mirror is damaged.
  absl::StatusOr<LoadedSet> Load(const GitTree& tree, const std::string& commit,
                                 const v1::GitSourceSpec& spec, const std::string& holder);

  // What only `holder` needs is forgotten.
  void Drop(const std::string& holder);

 private:
  // What LoadFile answers. It depends on nothing but a file's path and bytes.
  struct Parsed {
    std::vector<LoadedObject> objects;
    Problems problems;
  };
  using Key = std::pair<std::string, std::string>;  // blob, path
  // Shared by all who hold the same file.
  using Files = std::map<Key, std::shared_ptr<const Parsed>>;

  absl::StatusOr<std::shared_ptr<const Parsed>> ParseFile(const GitTree& tree,
                                                          const FoundFile& file);
  void Hold(const std::string& holder, Files files);

  std::map<std::string, Files> held_;
  // Everything held, and for a while what no longer is.
  std::map<Key, std::weak_ptr<const Parsed>> known_;
};

}  // namespace espalier
