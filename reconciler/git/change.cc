#include "reconciler/git/change.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/load/load.h"
#include "reconciler/git/tree_diff.h"
#include "reconciler/git/tree_impl.h"

namespace espalier {
namespace {

bool IsRegular(const git_diff_file& file) {
  return file.mode == GIT_FILEMODE_BLOB || file.mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

// Whether load looks at what is (or was) there. It passes over hidden entries unseen, and over
// files that are no declarations; whatever else it meets is declared or refused.
bool IsLookedAt(const git_diff_file& file, const std::string& folder) {
  if (file.mode == GIT_FILEMODE_UNREADABLE) return false;
  absl::string_view path = file.path;
  if (path == folder) return true;
  if (folder != ".") {
    if (!absl::StartsWith(path, absl::StrCat(folder, "/"))) return false;
    path.remove_prefix(folder.size() + 1);
  }
  const std::vector<absl::string_view> names = absl::StrSplit(path, '/');
  bool odd = false;
  for (absl::string_view name : names) {
    if (absl::StartsWith(name, ".") && name != "..") return false;
    odd = odd || !IsPlainName(name);
  }
  return odd || !IsRegular(file) || IsSourceName(names.back());
}

ChangedFile::Kind KindOf(git_delta_t status) {
  switch (status) {
    case GIT_DELTA_ADDED:
      return ChangedFile::Kind::kAdded;
    case GIT_DELTA_DELETED:
      return ChangedFile::Kind::kDeleted;
    case GIT_DELTA_RENAMED:
      return ChangedFile::Kind::kRenamed;
    default:
      return ChangedFile::Kind::kModified;
  }
}

// The document that a side of a delta is; empty if there is none, or none that is read.
absl::StatusOr<std::string> DocumentOf(const GitTree& tree, const git_diff_file& file) {
  if (!IsRegular(file)) return std::string();
  ESPALIER_ASSIGN_OR_RETURN(const std::size_t size, BlobSize(*tree.impl().repository, file.id));
  if (size > limits::kDocumentBytes) return std::string();
  return tree.Read(GitIdText(file.id));
}

}  // namespace

absl::StatusOr<std::vector<ChangedFile>> ChangesBetween(const GitTree& before, const GitTree& after,
                                                        const std::string& folder) {
  const OpenRepository& repository = *before.impl().repository;
  TreeSizes sizes(repository);
  ESPALIER_RETURN_IF_ERROR(sizes.Check(before.impl().root.get()));
  ESPALIER_RETURN_IF_ERROR(sizes.Check(after.impl().root.get()));
  ESPALIER_ASSIGN_OR_RETURN(
      const GitDiff diff, DiffTrees(repository, before.impl().root.get(), after.impl().root.get()));
  ESPALIER_ASSIGN_OR_RETURN(const bool comparable, MayCompareContents(repository, diff.get()));
  if (comparable) {
    // Renames of files that are half the same, as git and the forges have it.
    git_diff_find_options options = GIT_DIFF_FIND_OPTIONS_INIT;
    options.flags = GIT_DIFF_FIND_RENAMES;
    if (int code = git_diff_find_similar(diff.get(), &options); code < 0) {
      return GitDamaged(code, "looking for renamed files");
    }
  }
  std::vector<ChangedFile> files;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < git_diff_num_deltas(diff.get()); ++i) {
    const git_diff_delta& delta = *git_diff_get_delta(diff.get(), i);
    const bool was = delta.status != GIT_DELTA_ADDED && IsLookedAt(delta.old_file, folder);
    const bool is = delta.status != GIT_DELTA_DELETED && IsLookedAt(delta.new_file, folder);
    if (!was && !is) continue;
    ChangedFile file = {.kind = KindOf(delta.status), .path = PathForPeople(delta.new_file.path)};
    if (file.kind == ChangedFile::Kind::kRenamed) {
      file.old_path = PathForPeople(delta.old_file.path);
    }
    ESPALIER_ASSIGN_OR_RETURN(const std::string old_text, DocumentOf(before, delta.old_file));
    ESPALIER_ASSIGN_OR_RETURN(const std::string new_text, DocumentOf(after, delta.new_file));
    bytes += old_text.size() + new_text.size();
    // What a source may hold, before and after.
    if (bytes > 2 * limits::kSourceBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the changed files are larger than ", limits::kSourceBytes, " bytes"));
    }
    ESPALIER_ASSIGN_OR_RETURN(file.lines, DiffLines(old_text, new_text));
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(),
            [](const ChangedFile& a, const ChangedFile& b) { return a.path < b.path; });
  return files;
}

absl::StatusOr<ChangedLines> LinesBetween(const GitTree& before, const GitTree& after,
                                          const std::string& path) {
  git_tree_entry* raw = nullptr;
  if (git_tree_entry_bypath(&raw, before.impl().root.get(), path.c_str()) < 0) {
    return ChangedLines();
  }
  const GitTreeEntry old_entry(raw);
  if (git_tree_entry_bypath(&raw, after.impl().root.get(), path.c_str()) < 0) {
    return ChangedLines();
  }
  const GitTreeEntry new_entry(raw);
  const git_oid& old_id = *git_tree_entry_id(old_entry.get());
  const git_oid& new_id = *git_tree_entry_id(new_entry.get());
  if (git_oid_equal(&old_id, &new_id) == 1) return ChangedLines();
  const git_diff_file old_file = {
      .id = old_id, .mode = static_cast<std::uint16_t>(git_tree_entry_filemode(old_entry.get()))};
  const git_diff_file new_file = {
      .id = new_id, .mode = static_cast<std::uint16_t>(git_tree_entry_filemode(new_entry.get()))};
  ESPALIER_ASSIGN_OR_RETURN(const std::string old_text, DocumentOf(before, old_file));
  ESPALIER_ASSIGN_OR_RETURN(const std::string new_text, DocumentOf(after, new_file));
  return DiffLines(old_text, new_text);
}

}  // namespace espalier
