// ReportFiles: the plan and the drift of each source as files, the newest of each, for people, for
// programs, and for what will post them to forges. Rendering is engine/render's; this only says
// where. Belongs to one thread.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/render/render.h"

namespace espalier {

class ReportFiles {
 public:
  // Files are `<cache_dir>/<source>/reports/{plan,drift}.{json,md}`. Borrowed: all
  // but the path.
  ReportFiles(Clock& clock, Io& io, Log& log, std::string cache_dir);

  // Replace both forms of the report, each atomically. A disk that fails is logged: a report is
  // never a reason not to go on.
  void WritePlan(const std::string& source, const std::string& commit, const ApplyResult& result);
  void WriteDrift(const std::string& source, const std::string& commit, const DriftReport& report);

 private:
  MarkdownOptions HeadingOf(absl::string_view what, const std::string& source,
                            const std::string& commit) const;
  void Write(const std::string& source, const std::string& name, const std::string& bytes);

  Clock& clock_;
  Io& io_;
  Log& log_;
  const std::string cache_dir_;
};

}  // namespace espalier
