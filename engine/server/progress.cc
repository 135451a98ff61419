#include "engine/server/progress.h"

#include "absl/strings/str_cat.h"

namespace espalier {

absl::StatusOr<v1::GetProgressResponse> ProgressOf(const Sessions& sessions, const Caller& caller,
                                                   const std::string& host) {
  if (caller.role == Caller::Role::kAgent && host != caller.host) {
    return absl::PermissionDeniedError(
        absl::StrCat(caller.subject, " may ask for pulls of its own host only"));
  }
  v1::GetProgressResponse response;
  for (const auto& [name, session] : sessions.Snapshot()) {
    if (session.pulls.empty() || (!host.empty() && name != host)) continue;
    auto& pulls = *(*response.mutable_hosts())[name].mutable_pulls();
    for (const auto& [digest, progress] : session.pulls) pulls[digest] = progress;
  }
  return response;
}

}  // namespace espalier
