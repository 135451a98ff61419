// What the files that use libgit2 share: its errors, its handles, and finding objects by their ids.
// Included only by .cc files of reconciler/git and by tests.
#pragma once

#include <git2.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reconciler/git/open_repository.h"

namespace espalier {

template <typename T, void (*Free)(T*)>
struct GitFree {
  void operator()(T* handle) const { Free(handle); }
};
template <typename T, void (*Free)(T*)>
using GitHandle = std::unique_ptr<T, GitFree<T, Free>>;

using GitRepository = GitHandle<git_repository, git_repository_free>;
using GitRemote = GitHandle<git_remote, git_remote_free>;
using GitCommit = GitHandle<git_commit, git_commit_free>;
using GitObject = GitHandle<git_object, git_object_free>;
using GitTreeHandle = GitHandle<git_tree, git_tree_free>;
using GitTreeEntry = GitHandle<git_tree_entry, git_tree_entry_free>;
using GitOdb = GitHandle<git_odb, git_odb_free>;
using GitOdbObject = GitHandle<git_odb_object, git_odb_object_free>;
using GitBlob = GitHandle<git_blob, git_blob_free>;
using GitDiff = GitHandle<git_diff, git_diff_free>;
using GitIndex = GitHandle<git_index, git_index_free>;
using GitIndexConflicts = GitHandle<git_index_conflict_iterator, git_index_conflict_iterator_free>;
using GitRevwalk = GitHandle<git_revwalk, git_revwalk_free>;

struct OpenRepository::Handles {
  GitRepository repository;
  GitOdb odb;
};

// The status for libgit2's `code` (negative), with its words about the last error on this thread:
// DATA_LOSS: the object database is damaged; UNAUTHENTICATED; NOT_FOUND; UNAVAILABLE: the network
// or the other side; FAILED_PRECONDITION: the repository belongs to somebody else or its
// certificate is not trusted; RESOURCE_EXHAUSTED: no memory; INTERNAL otherwise.
absl::Status GitStatus(int code, absl::string_view doing);
// DATA_LOSS with the same words: for objects that another object names.
absl::Status GitDamaged(int code, absl::string_view doing);

// 40 hex digits. INVALID_ARGUMENT.
absl::StatusOr<git_oid> ParseGitId(const std::string& hex);
std::string GitIdText(const git_oid& id);

// NOT_FOUND: the repository has no commit of this id; DATA_LOSS.
absl::StatusOr<GitCommit> FindCommit(const OpenRepository& repository, const std::string& id);
// The size of a blob, from its header alone. DATA_LOSS.
absl::StatusOr<std::size_t> BlobSize(const OpenRepository& repository, const git_oid& id);

}  // namespace espalier
