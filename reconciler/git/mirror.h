// Mirror: the bare copy of one source's repository below the cache directory. It lies in
// generations,
// `<dir>/g1`, `<dir>/g2`, ...: a copy that is damaged, too fragmented or of another repository is
// never mended but replaced by a new one beside it. Belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/io.h"
#include "reconciler/git/fetch_child.h"
#include "reconciler/git/tree.h"

namespace espalier {

class Mirror {
 public:
  // Nothing is touched before the first Update. `dir` is this source's own.
  Mirror(const GitLibrary& library, Io& io, Fetch fetch, std::string dir);

  // Fetches what `request` names (its `mirror` and `max_bytes` are filled in here) and returns the
  // commit. Clones anew, once per call, when the copy turns out damaged. Errors are those of the
  // fetch and of the disk; the copy of before stays.
  absl::StatusOr<std::string> Update(FetchRequest request);

  // A commit of the copy. NOT_FOUND also before the first Update of a new directory. DATA_LOSS:
  // call Discard, then Update.
  absl::StatusOr<std::unique_ptr<GitTree>> Open(const std::string& commit) const;

  // The next Update clones anew.
  void Discard();

 private:
  // What the file `current` says: which generation is complete, and of which repository.
  struct Current {
    std::int64_t generation = 0;
    std::string url_hash;
  };

  Current ReadCurrent() const;
  std::string PathOf(std::int64_t generation) const;
  // Removes what a killed fetch left in the generation, and counts its packs.
  std::size_t Sweep(const std::string& mirror);
  absl::StatusOr<std::string> CloneAnew(FetchRequest request, std::int64_t generation);
  // Removes all generations but this one.
  void RemoveOthers(std::int64_t generation);

  const GitLibrary& library_;
  Io& io_;
  const Fetch fetch_;
  const std::string dir_;
  bool discarded_ = false;
};

}  // namespace espalier
