#include "reconciler/report/shown_plans.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/render/render.h"

namespace espalier {
namespace {

// Of one source: those of the pull requests that are open, and of some that were.
constexpr std::size_t kKept = 500;

bool IsDigest(absl::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

}  // namespace

ShownPlans::ShownPlans(Io& io, Log& log, std::string cache_dir)
    : io_(io), log_(log), cache_dir_(std::move(cache_dir)) {}

std::string ShownPlans::DirOf(const std::string& source) const {
  return absl::StrCat(cache_dir_, "/", source, "/reports/plans");
}

void ShownPlans::Put(const std::string& source, const ApplyResult& result) {
  const std::string dir = DirOf(source);
  const std::string path = absl::StrCat(dir, "/", result.plan().digest());
  // The same plan is shown again whenever something else was pushed.
  if (io_.Stat(absl::StrCat(path, ".txt")).ok()) return;
  absl::Status kept = io_.MakeDirs(dir, 0700);
  if (kept.ok()) kept = io_.WriteFile(absl::StrCat(path, ".json"), PlanToJson(result), 0600);
  if (kept.ok()) {
    kept = io_.WriteFile(
        absl::StrCat(path, ".txt"),
        PlanToText(result.plan(), {result.problems().begin(), result.problems().end()}), 0600);
  }
  if (!kept.ok()) {
    log_.Warn("plan not kept",
              {{telemetry::kSource, source}, {telemetry::kError, kept.ToString()}});
  }
  RemoveOldest(dir);
}

void ShownPlans::RemoveOldest(const std::string& dir) {
  std::vector<std::pair<absl::Time, std::string>> plans;
  for (const std::string& name : io_.List(dir).value_or(std::vector<std::string>())) {
    if (!absl::EndsWith(name, ".txt")) continue;
    const std::string path = absl::StrCat(dir, "/", absl::StripSuffix(name, ".txt"));
    const absl::StatusOr<FileInfo> info = io_.Stat(absl::StrCat(path, ".txt"));
    if (info.ok()) plans.emplace_back(info->modified, path);
  }
  if (plans.size() <= kKept) return;
  std::sort(plans.begin(), plans.end());
  for (std::size_t i = 0; i < plans.size() - kKept; ++i) {
    // What cannot be removed now is tried again with the next plan.
    (void)io_.RemoveAll(absl::StrCat(plans[i].second, ".txt"));
    (void)io_.RemoveAll(absl::StrCat(plans[i].second, ".json"));
  }
}

absl::StatusOr<std::string> ShownPlans::Read(const std::string& source, absl::string_view digest,
                                             bool as_json) const {
  if (!IsDigest(digest)) return absl::NotFoundError("not the digest of a plan");
  return io_.ReadFile(absl::StrCat(DirOf(source), "/", digest, as_json ? ".json" : ".txt"),
                      limits::kMessageBytes);
}

}  // namespace espalier
