#include "reconciler/git/libgit.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

absl::StatusCode CodeOf(int code, int error_class) {
  switch (code) {
    case GIT_EAUTH:
      return absl::StatusCode::kUnauthenticated;
    case GIT_ECERTIFICATE:
    case GIT_EOWNER:
      return absl::StatusCode::kFailedPrecondition;
    case GIT_EMISMATCH:
      return absl::StatusCode::kDataLoss;
    default:
      break;
  }
  switch (error_class) {
    case GIT_ERROR_NET:
    case GIT_ERROR_HTTP:
    case GIT_ERROR_SSL:
      return absl::StatusCode::kUnavailable;
    case GIT_ERROR_ODB:
    case GIT_ERROR_ZLIB:
    case GIT_ERROR_INDEXER:
    case GIT_ERROR_OBJECT:
    case GIT_ERROR_TREE:
    case GIT_ERROR_SHA:
    case GIT_ERROR_REFERENCE:
    case GIT_ERROR_CONFIG:
      return absl::StatusCode::kDataLoss;
    case GIT_ERROR_NOMEMORY:
      return absl::StatusCode::kResourceExhausted;
    default:
      return code == GIT_ENOTFOUND ? absl::StatusCode::kNotFound : absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status GitStatus(int code, absl::string_view doing) {
  // The text belongs to the thread and is overwritten by the next call: copied at once.
  const git_error* error = git_error_last();
  const std::string message = error != nullptr && error->message != nullptr ? error->message : "";
  return absl::Status(CodeOf(code, error != nullptr ? error->klass : GIT_ERROR_NONE),
                      absl::StrCat(doing, ": ", message.empty() ? "unknown error" : message));
}

absl::Status GitDamaged(int code, absl::string_view doing) {
  return absl::DataLossError(GitStatus(code, doing).message());
}

absl::StatusOr<git_oid> ParseGitId(const std::string& hex) {
  git_oid id;
  if (hex.size() != GIT_OID_HEXSZ || git_oid_fromstr(&id, hex.c_str()) < 0) {
    return absl::InvalidArgumentError("not the id of a git object");
  }
  return id;
}

std::string GitIdText(const git_oid& id) {
  char text[GIT_OID_HEXSZ + 1];
  return git_oid_tostr(text, sizeof text, &id);
}

absl::StatusOr<GitCommit> FindCommit(const OpenRepository& repository, const std::string& id) {
  const OpenRepository::Handles& handles = repository.handles();
  ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, ParseGitId(id));
  if (git_odb_exists(handles.odb.get(), &oid) != 1) {
    return absl::NotFoundError(absl::StrCat("the mirror has no commit ", id));
  }
  git_commit* raw = nullptr;
  if (int code = git_commit_lookup(&raw, handles.repository.get(), &oid); code < 0) {
    return GitDamaged(code, "reading the commit");
  }
  return GitCommit(raw);
}

absl::StatusOr<std::size_t> BlobSize(const OpenRepository& repository, const git_oid& id) {
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  if (int code = git_odb_read_header(&size, &type, repository.handles().odb.get(), &id); code < 0) {
    return GitDamaged(code, "reading a file's size");
  }
  return size;
}

}  // namespace espalier
