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
#include "reconciler/git/open_repository.h"

namespace espalier {

class Mirror {
 public:
  // Nothing is touched before the first Update. `dir` is this source's own.
  Mirror(const GitLibrary& library, Io& io, Fetch fetch, std::string dir);

  // Fetches what `request` names (its `mirror` and `max_bytes` are filled in here). Clones anew,
  // once per call, when the copy turns out damaged. Errors are those of the fetch and of the disk;
  // the copy of before stays.
  absl::StatusOr<FetchAnswer> Update(FetchRequest request);

  // Fetches what `request` names beside what the copy has. NOT_FOUND also before the first Update;
  // DATA_LOSS: call Discard, then Update. REQUIRES: `keep_as` is a name in a folder, as
  // "pull/12".
  absl::StatusOr<FetchAnswer> Add(FetchRequest request);
  // Forgets what was fetched under this name; what of it nothing else needs goes with the next
  // clone.
  void Drop(const std::string& keep_as);

  // The copy as it is now, for reading. NOT_FOUND before the first Update. DATA_LOSS: call Discard,
  // then Update.
  absl::StatusOr<std::shared_ptr<const OpenRepository>> Open() const;

  // The next Update clones anew.
  void Discard();
  bool discarded() const { return discarded_; }

 private:
  // What the file `current` says: which generation is complete, and of which repository.
  struct Current {
    std::int64_t generation = 0;
    std::string url_hash;
  };

  Current ReadCurrent() const;
  std::string PathOf(std::int64_t generation) const;
  bool IsReadable(const std::string& mirror, const std::string& commit) const;
  // Removes what a killed fetch under this name left in the generation, and counts its packs.
  std::size_t Sweep(const std::string& mirror, const std::string& keep_as);
  // How many refs of the generation Add has fetched.
  std::size_t Added(const std::string& mirror);
  absl::StatusOr<FetchAnswer> CloneAnew(FetchRequest request, std::int64_t generation);
  // Removes all generations but this one.
  void RemoveOthers(std::int64_t generation);

  const GitLibrary& library_;
  Io& io_;
  const Fetch fetch_;
  const std::string dir_;
  bool discarded_ = false;
};

}  // namespace espalier
