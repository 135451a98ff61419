#include "reconciler/report/shown_plans.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/render/render.h"

namespace espalier {
namespace {

// Commits of one source whose plan is kept: a merge is told its result within minutes, or once a
// forge that was down for days is back.
constexpr std::size_t kAppliedKept = 50;

// "0000000012-4f2a..." -> its count and its commit.
std::int64_t CountOf(absl::string_view file) {
  std::int64_t count = 0;
  return absl::SimpleAtoi(file.substr(0, file.find('-')), &count) ? count : 0;
}
std::string CommitOf(absl::string_view file) {
  const std::size_t dash = file.find('-');
  return dash == absl::string_view::npos ? "" : std::string(file.substr(dash + 1));
}

bool IsDigest(absl::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

}  // namespace

ShownPlans::ShownPlans(Io& io, Log& log, std::string cache_dir, std::size_t kept)
    : io_(io), log_(log), cache_dir_(std::move(cache_dir)), kept_(kept) {}

std::string ShownPlans::DirOf(const std::string& source) const {
  return absl::StrCat(cache_dir_, "/", source, "/reports/plans");
}

void ShownPlans::Put(const std::string& source, const ApplyResult& result) {
  const std::string dir = DirOf(source);
  const std::string path = absl::StrCat(dir, "/", result.plan().digest());
  // The same plan is shown again whenever something else was pushed. The text is written again all
  // the same: by its age it is known what is shown no more.
  const bool is_new = !io_.Stat(absl::StrCat(path, ".txt")).ok();
  absl::Status kept = io_.MakeDirs(dir, 0700);
  if (kept.ok() && is_new) {
    kept = io_.WriteFile(absl::StrCat(path, ".json"), PlanToJson(result), 0600);
  }
  if (kept.ok()) {
    kept = io_.WriteFile(
        absl::StrCat(path, ".txt"),
        PlanToText(result.plan(), {result.problems().begin(), result.problems().end()}), 0600);
  }
  if (!kept.ok()) {
    log_.Warn("plan not kept",
              {{telemetry::kSource, source}, {telemetry::kError, kept.ToString()}});
  }
  if (is_new) RemoveOldest(dir);
}

void ShownPlans::RemoveOldest(const std::string& dir) {
  std::vector<std::string> names = io_.List(dir).value_or(std::vector<std::string>());
  std::erase_if(names, [](const std::string& name) { return !absl::EndsWith(name, ".txt"); });
  // Ages are looked at for a tenth of them at once, not for each.
  if (names.size() <= kept_ + kept_ / 10) return;
  std::vector<std::pair<absl::Time, std::string>> plans;
  plans.reserve(names.size());
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(dir, "/", absl::StripSuffix(name, ".txt"));
    const absl::StatusOr<FileInfo> info = io_.Stat(absl::StrCat(path, ".txt"));
    if (info.ok()) plans.emplace_back(info->modified, path);
  }
  std::sort(plans.begin(), plans.end());
  for (std::size_t i = 0; i + kept_ < plans.size(); ++i) {
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

std::string ShownPlans::AppliedDirOf(const std::string& source) const {
  return absl::StrCat(cache_dir_, "/", source, "/reports/applied");
}

std::vector<std::string> ShownPlans::AppliedFiles(const std::string& source) const {
  std::vector<std::string> files =
      io_.List(AppliedDirOf(source)).value_or(std::vector<std::string>());
  std::erase_if(files, [](const std::string& file) { return CountOf(file) == 0; });
  std::sort(files.begin(), files.end());
  return files;
}

void ShownPlans::PutApplied(const std::string& source, const std::string& commit,
                            const Plan& plan) {
  const std::string dir = AppliedDirOf(source);
  const std::vector<std::string> files = AppliedFiles(source);
  const std::int64_t count = files.empty() ? 1 : CountOf(files.back()) + 1;
  const std::string path = absl::StrFormat("%s/%010d-%s", dir, count, commit);
  absl::Status kept = io_.MakeDirs(dir, 0700);
  if (kept.ok()) kept = io_.WriteFile(path, plan.SerializeAsString(), 0600);
  if (!kept.ok()) {
    log_.Warn("applied plan not kept",
              {{telemetry::kSource, source}, {telemetry::kError, kept.ToString()}});
    return;
  }
  for (std::size_t i = 0; i + kAppliedKept <= files.size(); ++i) {
    (void)io_.RemoveAll(absl::StrCat(dir, "/", files[i]));
  }
}

std::vector<std::string> ShownPlans::Applied(const std::string& source) const {
  std::vector<std::string> commits;
  for (const std::string& file : AppliedFiles(source)) commits.push_back(CommitOf(file));
  return commits;
}

absl::StatusOr<Plan> ShownPlans::ReadApplied(const std::string& source,
                                             const std::string& commit) const {
  for (const std::string& file : AppliedFiles(source)) {
    if (CommitOf(file) != commit) continue;
    ESPALIER_ASSIGN_OR_RETURN(
        const std::string bytes,
        io_.ReadFile(absl::StrCat(AppliedDirOf(source), "/", file), limits::kMessageBytes));
    Plan plan;
    if (!plan.ParseFromString(bytes)) return absl::DataLossError("not a plan");
    return plan;
  }
  return absl::NotFoundError("no such commit");
}

void ShownPlans::ForgetApplied(const std::string& source) {
  (void)io_.RemoveAll(AppliedDirOf(source));
}

}  // namespace espalier
