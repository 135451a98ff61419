// Differences between trees and between texts through libgit2, which reads trees whole and contents
// without a bound: so that a pull request from a stranger cannot make it do either without end,
// what it will read is measured first. For the .cc files of reconciler/git.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reconciler/git/changed_lines.h"
#include "reconciler/git/libgit.h"

namespace espalier {

// How many entries trees have with all that is below them. A tree that stands in many places is
// read once and counted every time: a few hundred bytes can be a billion entries.
class TreeSizes {
 public:
  // Borrowed.
  explicit TreeSizes(const OpenRepository& repository) : repository_(repository) {}

  // RESOURCE_EXHAUSTED above limits::kMergeEntries or when nested too deeply; FAILED_PRECONDITION:
  // a tree is malformed; DATA_LOSS.
  absl::Status Check(const git_tree* tree);

 private:
  absl::StatusOr<std::size_t> Count(const git_tree* tree, int depth);

  const OpenRepository& repository_;
  std::map<std::string, std::size_t> known_;
};

// By paths alone: renames are not looked for. REQUIRES: both trees were checked.
absl::StatusOr<GitDiff> DiffTrees(const OpenRepository& repository, git_tree* before,
                                  git_tree* after);

// Whether looking for renames among what the diff adds and deletes reads no content above
// limits::kMergeBlobBytes.
absl::StatusOr<bool> MayCompareContents(const OpenRepository& repository, git_diff* diff);

// Which lines differ; none if one of the texts is binary.
absl::StatusOr<ChangedLines> DiffLines(absl::string_view before, absl::string_view after);

// A name that a file system, a terminal and a message can bear.
bool IsPlainName(absl::string_view name);
// The path as it is, or escaped if one of its names is not plain.
std::string PathForPeople(absl::string_view path);

}  // namespace espalier
