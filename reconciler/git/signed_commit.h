// A commit object's bytes, taken apart for checking who signed it. Pure, thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier {

struct SignedCommit {
  // What was signed: the object without its signature.
  std::string payload;
  // In its armour; empty if the commit is not signed.
  std::string signature;
  // By its committer's clock.
  absl::Time committed_at;
};

// INVALID_ARGUMENT: not a commit, or one with more than one signature. Only the header counts:
// whatever a message looks like, it is signed text.
absl::StatusOr<SignedCommit> SplitCommit(absl::string_view object);

}  // namespace espalier
