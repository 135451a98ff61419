// What the files that use libgit2 share: its errors and its handles. Included only by .cc files of
// reconciler/git and by tests.
#pragma once

#include <git2.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

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

// The status for libgit2's `code` (negative), with its words about the last error on this thread:
// DATA_LOSS: the object database is damaged; UNAUTHENTICATED; NOT_FOUND; UNAVAILABLE: the network
// or the other side; FAILED_PRECONDITION: the repository belongs to somebody else or its
// certificate is not trusted; RESOURCE_EXHAUSTED: no memory; INTERNAL otherwise.
absl::Status GitStatus(int code, absl::string_view doing);

}  // namespace espalier
