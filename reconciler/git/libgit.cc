#include "reconciler/git/libgit.h"

#include <string>

#include "absl/strings/str_cat.h"

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

}  // namespace espalier
