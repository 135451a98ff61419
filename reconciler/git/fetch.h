// One fetch of one ref into a bare mirror. It runs in a child process (fetch_child.h), because the
// library that speaks git has no timeouts of its own and reads what strangers send: whatever
// happens to it there, the reconciler only sees a child that ended.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "reconciler/git/git_library.h"

namespace espalier {

struct FetchRequest {
  // As ParseRepositoryUrl accepts it.
  std::string url;
  // A full ref name.
  std::string ref;
  // The bare repository to fetch into; made if it is not there.
  std::string mirror;
  // For http(s); empty: none.
  std::string username;
  std::string password;
  // More than this from the other side is refused.
  std::int64_t max_bytes = 0;
};

// Brings `ref` and all it needs into the mirror, and returns the commit that it points at (a tag is
// followed to its commit), as 40 hex digits. Downloads nothing if the mirror has it. The mirror
// keeps the commit under refs/espalier/head. Redirects are not followed; the password goes to the
// URL's own host only and is offered once. Errors are GitStatus's, NOT_FOUND if there is no such
// ref, RESOURCE_EXHAUSTED above max_bytes.
absl::StatusOr<std::string> FetchIntoMirror(const GitLibrary& library, const FetchRequest& request);

}  // namespace espalier
