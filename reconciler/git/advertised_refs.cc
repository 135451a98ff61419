#include "reconciler/git/advertised_refs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/semver.h"
#include "engine/base/status.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

absl::StatusOr<AdvertisedRef> NewestTag(const TagRange& tags,
                                        absl::Span<const AdvertisedRef> refs) {
  absl::StatusOr<SemVerRange> range = SemVerRange::Parse(tags.range);
  if (!range.ok()) return Annotate(range.status(), "tags.range");
  const std::string prefix = absl::StrCat("refs/tags/", tags.prefix);
  const AdvertisedRef* newest = nullptr;
  SemVer newest_version;
  int versions = 0;
  for (const AdvertisedRef& ref : refs) {
    absl::string_view name = ref.name;
    if (!absl::ConsumePrefix(&name, prefix)) continue;
    // What "name^{}" says of an annotated tag is no version.
    std::optional<SemVer> version = ParseSemVer(name);
    if (!version.has_value()) continue;
    ++versions;
    if (!range->Contains(*version)) continue;
    const int order = newest == nullptr ? 1 : Compare(*version, newest_version);
    if (order < 0 || (order == 0 && ref.name < newest->name)) continue;
    newest = &ref;
    newest_version = *std::move(version);
  }
  if (newest != nullptr) return *newest;
  return absl::NotFoundError(absl::StrCat("the repository has no tag ", tags.prefix,
                                          "<version> in \"", tags.range, "\"; of ", versions,
                                          " versions none is"));
}

// 12 of "12/head"; 0 for everything else.
std::int64_t PullNumber(absl::string_view name) {
  std::int64_t number = 0;
  if (!absl::ConsumeSuffix(&name, "/head") || name.empty() || name.front() == '0' ||
      !std::all_of(name.begin(), name.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(name, &number)) {
    return 0;
  }
  return number;
}

}  // namespace

absl::StatusOr<AdvertisedRef> FollowedRef(const FetchRequest& request,
                                          absl::Span<const AdvertisedRef> refs) {
  if (request.tags.has_value()) return NewestTag(*request.tags, refs);
  const auto found = std::find_if(
      refs.begin(), refs.end(), [&](const AdvertisedRef& ref) { return ref.name == request.ref; });
  if (found != refs.end()) return *found;
  return absl::NotFoundError(absl::StrCat("the repository has no ref ", request.ref));
}

PullHeads PullHeadsBelow(absl::string_view prefix, absl::Span<const AdvertisedRef> refs) {
  PullHeads heads;
  if (prefix.empty()) return heads;
  for (const AdvertisedRef& ref : refs) {
    absl::string_view name = ref.name;
    if (!absl::ConsumePrefix(&name, prefix)) continue;
    const std::int64_t number = PullNumber(name);
    if (number == 0) continue;
    heads[number] = ref.id;
    // Closed ones are advertised for ever: the newest are those that may be open.
    if (heads.size() > limits::kPullHeads) heads.erase(heads.begin());
  }
  return heads;
}

}  // namespace espalier
