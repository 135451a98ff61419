#include "reconciler/git/history.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "reconciler/git/libgit.h"

namespace espalier {

bool Follows(const OpenRepository& repository, const std::string& commit,
             const std::string& ancestor) {
  // libgit2 loses memory over a commit that is not there.
  const absl::StatusOr<GitCommit> child = FindCommit(repository, commit);
  const absl::StatusOr<GitCommit> parent = FindCommit(repository, ancestor);
  if (!child.ok() || !parent.ok()) return false;
  const git_oid* const child_id = git_commit_id(child->get());
  const git_oid* const parent_id = git_commit_id(parent->get());
  return git_oid_equal(child_id, parent_id) == 1 ||
         git_graph_descendant_of(repository.handles().repository.get(), child_id, parent_id) == 1;
}

absl::StatusOr<std::string> MergeBase(const OpenRepository& repository, const std::string& one,
                                      const std::string& other) {
  ESPALIER_ASSIGN_OR_RETURN(const GitCommit first, FindCommit(repository, one));
  ESPALIER_ASSIGN_OR_RETURN(const GitCommit second, FindCommit(repository, other));
  git_oid base;
  const int code = git_merge_base(&base, repository.handles().repository.get(),
                                  git_commit_id(first.get()), git_commit_id(second.get()));
  if (code == GIT_ENOTFOUND) {
    return absl::FailedPreconditionError("the two commits have no history in common");
  }
  if (code < 0) return GitDamaged(code, "looking for the merge base");
  return GitIdText(base);
}

absl::StatusOr<std::vector<std::string>> CommitsSince(const OpenRepository& repository,
                                                      const std::string& tip,
                                                      const std::vector<std::string>& known,
                                                      std::size_t limit) {
  ESPALIER_ASSIGN_OR_RETURN(const GitCommit found, FindCommit(repository, tip));
  git_revwalk* raw = nullptr;
  if (int code = git_revwalk_new(&raw, repository.handles().repository.get()); code < 0) {
    return GitStatus(code, "walking the history");
  }
  const GitRevwalk walk(raw);
  git_revwalk_sorting(raw, GIT_SORT_TOPOLOGICAL);
  if (int code = git_revwalk_push(raw, git_commit_id(found.get())); code < 0) {
    return GitDamaged(code, "walking the history");
  }
  for (const std::string& id : known) {
    if (const absl::StatusOr<GitCommit> commit = FindCommit(repository, id); commit.ok()) {
      if (int code = git_revwalk_hide(raw, git_commit_id(commit->get())); code < 0) {
        return GitDamaged(code, "walking the history");
      }
    }
  }
  std::vector<std::string> commits;
  git_oid id;
  int code = 0;
  while ((code = git_revwalk_next(&id, raw)) == 0) {
    if (commits.size() == limit) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", limit, " commits lie between the two"));
    }
    commits.push_back(GitIdText(id));
  }
  if (code != GIT_ITEROVER) return GitDamaged(code, "walking the history");
  std::reverse(commits.begin(), commits.end());
  return commits;
}

}  // namespace espalier
