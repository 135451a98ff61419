#include "reconciler/git/tree_diff.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "engine/load/source_name.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

// Deeper than any source is read, and shallow enough for this thread's stack.
constexpr int kMaxDepth = 256;

int AddHunk(const git_diff_delta*, const git_diff_hunk* hunk, void* payload) {
  // Of no lines, git names the line above.
  const auto range = [](int start, int lines) {
    return LineRange{.first = lines == 0 ? start + 1 : start, .count = lines};
  };
  static_cast<std::vector<LineHunk>*>(payload)->push_back(
      {.before = range(hunk->old_start, hunk->old_lines),
       .after = range(hunk->new_start, hunk->new_lines)});
  return 0;
}

// Of the modes that git has ever written.
bool IsMode(git_filemode_t raw) {
  constexpr int kGroupWritable = 0100664;  // by old versions
  return raw == GIT_FILEMODE_TREE || raw == GIT_FILEMODE_BLOB || raw == GIT_FILEMODE_LINK ||
         raw == GIT_FILEMODE_BLOB_EXECUTABLE || raw == GIT_FILEMODE_COMMIT ||
         static_cast<int>(raw) == kGroupWritable;
}

// libgit2 takes trees to be well-formed: its walk along two of them needs their names in order and
// once each, and its merge reads through a null pointer where an entry has the mode 0 (1.5.1).
absl::Status CheckForm(const git_tree* tree) {
  std::set<absl::string_view> names;
  std::string last;
  for (std::size_t i = 0; i < git_tree_entrycount(tree); ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
    const absl::string_view name = git_tree_entry_name(entry);
    // Folders sort as if their names ended in a slash.
    std::string key(name);
    if (git_tree_entry_filemode(entry) == GIT_FILEMODE_TREE) key.push_back('/');
    if (!IsMode(git_tree_entry_filemode_raw(entry)) || name.empty() ||
        absl::StrContains(name, '/') || key <= last || !names.insert(name).second) {
      return absl::FailedPreconditionError(
          absl::StrCat("the folder ", GitIdText(*git_tree_id(tree)), " is malformed"));
    }
    last = std::move(key);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status TreeSizes::Check(const git_tree* tree) {
  ESPALIER_ASSIGN_OR_RETURN(const std::size_t count, Count(tree, 1));
  if (count <= limits::kMergeEntries) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the repository has more than ", limits::kMergeEntries, " files and folders"));
}

absl::StatusOr<std::size_t> TreeSizes::Count(const git_tree* tree, int depth) {
  if (depth > kMaxDepth) {
    return absl::ResourceExhaustedError(absl::StrCat("folders are nested deeper than ", kMaxDepth));
  }
  const std::string id = GitIdText(*git_tree_id(tree));
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  ESPALIER_RETURN_IF_ERROR(CheckForm(tree));
  std::size_t count = 0;
  for (std::size_t i = 0; i < git_tree_entrycount(tree) && count <= limits::kMergeEntries; ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(tree, i);
    ++count;
    if (git_tree_entry_filemode(entry) != GIT_FILEMODE_TREE) continue;
    git_tree* raw = nullptr;
    if (int code =
            git_tree_lookup(&raw, repository_.handles().repository.get(), git_tree_entry_id(entry));
        code < 0) {
      return GitDamaged(code, "reading a tree");
    }
    const GitTreeHandle below(raw);
    ESPALIER_ASSIGN_OR_RETURN(const std::size_t more, Count(below.get(), depth + 1));
    count += more;
  }
  known_[id] = count;
  return count;
}

absl::StatusOr<GitDiff> DiffTrees(const OpenRepository& repository, git_tree* before,
                                  git_tree* after) {
  git_diff_options options = GIT_DIFF_OPTIONS_INIT;
  options.flags = GIT_DIFF_INCLUDE_TYPECHANGE;
  git_diff* raw = nullptr;
  if (int code = git_diff_tree_to_tree(&raw, repository.handles().repository.get(), before, after,
                                       &options);
      code < 0) {
    return GitDamaged(code, "comparing two commits");
  }
  return GitDiff(raw);
}

absl::StatusOr<bool> MayCompareContents(const OpenRepository& repository, git_diff* diff) {
  for (std::size_t i = 0; i < git_diff_num_deltas(diff); ++i) {
    const git_diff_delta& delta = *git_diff_get_delta(diff, i);
    if (delta.status != GIT_DELTA_ADDED && delta.status != GIT_DELTA_DELETED) continue;
    const git_diff_file& file = delta.status == GIT_DELTA_ADDED ? delta.new_file : delta.old_file;
    if (file.mode == GIT_FILEMODE_COMMIT) continue;
    ESPALIER_ASSIGN_OR_RETURN(const std::size_t size, BlobSize(repository, file.id));
    if (size > limits::kMergeBlobBytes) return false;
  }
  return true;
}

absl::StatusOr<ChangedLines> DiffLines(absl::string_view before, absl::string_view after) {
  git_diff_options options = GIT_DIFF_OPTIONS_INIT;
  options.context_lines = 0;
  std::vector<LineHunk> hunks;
  if (int code = git_diff_buffers(before.data(), before.size(), nullptr, after.data(), after.size(),
                                  nullptr, &options, nullptr, nullptr, AddHunk, nullptr, &hunks);
      code < 0) {
    return GitStatus(code, "comparing two texts");
  }
  return ChangedLines(hunks);
}

bool IsPlainName(absl::string_view name) { return CheckSourceName(name).empty(); }

std::string PathForPeople(absl::string_view path) {
  const std::vector<absl::string_view> names = absl::StrSplit(path, '/');
  return std::all_of(names.begin(), names.end(), IsPlainName) ? std::string(path)
                                                              : absl::CEscape(path);
}

}  // namespace espalier
