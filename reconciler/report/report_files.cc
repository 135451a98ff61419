#include "reconciler/report/report_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/telemetry.h"

namespace espalier {

ReportFiles::ReportFiles(Clock& clock, Io& io, Log& log, std::string cache_dir)
    : clock_(clock), io_(io), log_(log), cache_dir_(std::move(cache_dir)) {}

void ReportFiles::WritePlan(const std::string& source, const std::string& commit,
                            const ApplyResult& result) {
  Write(source, "plan.json", PlanToJson(result));
  Write(source, "plan.md",
        PlanToMarkdown(result.plan(), {result.problems().begin(), result.problems().end()},
                       HeadingOf("Plan", source, commit)));
}

void ReportFiles::WriteDrift(const std::string& source, const std::string& commit,
                             const DriftReport& report) {
  Write(source, "drift.json", DriftToJson(report, clock_.Now()));
  Write(source, "drift.md", DriftToMarkdown(report, HeadingOf("Drift", source, commit)));
}

MarkdownOptions ReportFiles::HeadingOf(absl::string_view what, const std::string& source,
                                       const std::string& commit) const {
  MarkdownOptions options;
  options.title = absl::StrCat(what, " of ", source, " at ", commit.substr(0, 12));
  options.now = clock_.Now();
  return options;
}

void ReportFiles::Write(const std::string& source, const std::string& name,
                        const std::string& bytes) {
  const std::string dir = absl::StrCat(cache_dir_, "/", source, "/reports");
  absl::Status status = io_.MakeDirs(dir, 0700);
  if (status.ok()) status = io_.WriteFile(absl::StrCat(dir, "/", name), bytes, 0600);
  if (!status.ok()) {
    log_.Warn("report could not be written", {{telemetry::kSource, source},
                                              {telemetry::kPath, name},
                                              {telemetry::kError, status.ToString()}});
  }
}

}  // namespace espalier
