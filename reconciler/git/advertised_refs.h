// What a repository says it has: which of its refs a source follows, and where the heads of pull
// requests are. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reconciler/git/fetch.h"

namespace espalier {

struct AdvertisedRef {
  // Any bytes: it comes from a stranger.
  std::string name;
  // 40 hex digits.
  std::string id;
};

// The ref that `request` follows: the one that it names, or the tag of the newest version in its
// range. Of equal versions (they differ in what stands after "+") the last name wins. NOT_FOUND: it
// is not there, or no tag is in the range; INVALID_ARGUMENT: the range is none.
absl::StatusOr<AdvertisedRef> FollowedRef(const FetchRequest& request,
                                          absl::Span<const AdvertisedRef> refs);

// The heads of pull requests below `prefix` ("refs/pull/": GitHub, Gitea; "refs/merge-requests/":
// GitLab), by number. Of more than limits::kPullHeads those with the highest numbers.
PullHeads PullHeadsBelow(absl::string_view prefix, absl::Span<const AdvertisedRef> refs);

}  // namespace espalier
