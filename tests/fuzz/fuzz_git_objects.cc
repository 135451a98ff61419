// Trees of any bytes in an object database: walked, compared and merged, with an answer or an
// error. Objects go to the memory of an open repository, never to the disk.
//
// The input is a list of objects. A byte says of which kind: a blob (a length, bytes), a tree (a
// number of entries: mode, length of the name, name, which object), or a tree's bytes as they are.
// The last three trees become base, target and head of a merge.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"
#include "engine/base/io.h"
#include "engine/base/limits.h"
#include "engine/load/source_name.h"
#include "reconciler/git/change.h"
#include "reconciler/git/libgit.h"
#include "reconciler/git/merge.h"
#include "tests/support/temp_dir.h"

namespace {

using espalier::GitTree;
using espalier::OpenRepository;

constexpr const char* kModes[] = {"40000",  "100644", "100755", "120000",
                                  "160000", "100664", "0",      "40000 "};

class Objects {
 public:
  Objects(const OpenRepository& repository, const std::uint8_t* data, std::size_t size)
      : repository_(repository), rest_(reinterpret_cast<const char*>(data), size) {
    ids_.push_back(Write("", GIT_OBJECT_BLOB));
    trees_.push_back(Write("", GIT_OBJECT_TREE));
    while (!rest_.empty() && ids_.size() < 200) Next();
  }

  // The commit of the `back`th last tree.
  std::string Commit(std::size_t back, const std::string& parent) {
    const std::string& tree = trees_[trees_.size() - std::min(back, trees_.size())];
    return Write(absl::StrCat("tree ", tree, parent.empty() ? "" : "\nparent ", parent,
                              "\nauthor A <a> 1 +0000\ncommitter A <a> ", back, " +0000\n\n"),
                 GIT_OBJECT_COMMIT);
  }

 private:
  std::size_t Byte() { return static_cast<unsigned char>(Take(1).append(1, '\0').front()); }
  std::string Take(std::size_t count) {
    const std::string bytes(rest_.substr(0, count));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string Write(const std::string& bytes, git_object_t type) {
    git_oid id;
    ESPALIER_CHECK(
        git_odb_write(&id, repository_.handles().odb.get(), bytes.data(), bytes.size(), type) == 0);
    return espalier::GitIdText(id);
  }
  void Next() {
    const std::size_t kind = Byte() % 3;
    if (kind == 0) {
      ids_.push_back(Write(Take(Byte()), GIT_OBJECT_BLOB));
      return;
    }
    std::string bytes;
    if (kind == 1) {
      for (std::size_t entries = Byte() % 12; entries > 0; --entries) {
        const char* mode = kModes[Byte() % 8];
        const std::size_t length = Byte() % 20;
        absl::StrAppend(&bytes, mode, " ", Take(length));
        bytes.push_back('\0');
        git_oid id;
        git_oid_fromstr(&id, ids_[Byte() % ids_.size()].c_str());
        bytes.append(reinterpret_cast<const char*>(id.id), GIT_OID_RAWSZ);
      }
    } else {
      bytes = Take(Byte());
    }
    ids_.push_back(Write(bytes, GIT_OBJECT_TREE));
    trees_.push_back(ids_.back());
  }

  const OpenRepository& repository_;
  absl::string_view rest_;
  std::vector<std::string> ids_;
  std::vector<std::string> trees_;
};

std::string EmptyRepository(const espalier::GitLibrary&, const std::string& path) {
  git_repository* repository = nullptr;
  ESPALIER_CHECK(git_repository_init(&repository, path.c_str(), /*is_bare=*/1) == 0);
  git_repository_free(repository);
  return path;
}

void CheckTree(const GitTree& tree) {
  espalier::Problems problems;
  const auto files = tree.List(".", problems);
  if (!files.ok()) return;
  for (const espalier::FoundFile& file : *files) {
    ESPALIER_CHECK(file.path.size() <= espalier::limits::kSourcePathBytes);
    for (absl::string_view name : absl::StrSplit(file.path, '/')) {
      ESPALIER_CHECK(espalier::CheckSourceName(name).empty());
    }
    (void)tree.Read(file.id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const espalier::GitLibrary library;
  static const espalier::TempDir dir;
  static const std::string path = EmptyRepository(library, absl::StrCat(dir.path(), "/r.git"));
  const auto repository = *OpenRepository::Open(library, path);
  Objects objects(*repository, data, size);
  const std::string base = objects.Commit(3, "");
  const std::string target = objects.Commit(2, base);
  const std::string head = objects.Commit(1, base);
  const auto before = GitTree::Open(repository, base);
  const auto after = GitTree::Open(repository, head);
  if (before.ok()) CheckTree(**before);
  if (after.ok()) CheckTree(**after);
  if (before.ok() && after.ok()) {
    if (const auto files = espalier::ChangesBetween(**before, **after, "."); files.ok()) {
      for (const espalier::ChangedFile& file : *files) {
        (void)espalier::LinesBetween(**before, **after, file.path);
      }
    }
  }
  const auto merged = espalier::MergeInMemory(repository, base, target, head);
  if (merged.ok() && merged->tree != nullptr) CheckTree(*merged->tree);
  return 0;
}
