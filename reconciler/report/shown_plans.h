// ShownPlans: on the disk, the whole of each plan that was shown in a pull request, for whoever
// follows its link, and what was carried out for the last commits, for the pull requests that
// brought them. A shown plan is found by its digest alone, which stands nowhere but in the pull
// request: who can read that may read this. Thread-safe, but for one source's applied ones.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/api/resources.h"
#include "engine/base/io.h"
#include "engine/base/log.h"

namespace espalier {

// Of one source: those of a thousand open pull requests, and of as many that were or were
// otherwise.
inline constexpr std::size_t kShownPlansKept = 2000;

class ShownPlans {
 public:
  // Files are `<cache_dir>/<source>/reports/plans/<digest>.{json,txt}`. Borrowed: io and log.
  ShownPlans(Io& io, Log& log, std::string cache_dir, std::size_t kept = kShownPlansKept);

  // Keeps the plan in both forms, in place of those beyond a number (and a tenth of it) that were
  // not shown for longest. A disk that fails is logged.
  void Put(const std::string& source, const ApplyResult& result);

  // As it is served: text for people, or JSON. NOT_FOUND: there is none (any more), or this is no
  // digest.
  absl::StatusOr<std::string> Read(const std::string& source, absl::string_view digest,
                                   bool as_json) const;

  // What applying the commit did, in place of the oldest beyond a number. A disk that fails is
  // logged. Files are `<cache_dir>/<source>/reports/applied/<count>-<commit>`.
  void PutApplied(const std::string& source, const std::string& commit, const Plan& plan);
  // The commits of which that is known, oldest first.
  std::vector<std::string> Applied(const std::string& source) const;
  // NOT_FOUND: it is not known (any more); DATA_LOSS.
  absl::StatusOr<Plan> ReadApplied(const std::string& source, const std::string& commit) const;
  // The source is gone; another of its name may have other commits.
  void ForgetApplied(const std::string& source);

 private:
  std::string DirOf(const std::string& source) const;
  void RemoveOldest(const std::string& dir);
  std::string AppliedDirOf(const std::string& source) const;
  // Names of files, oldest first.
  std::vector<std::string> AppliedFiles(const std::string& source) const;

  Io& io_;
  Log& log_;
  const std::string cache_dir_;
  const std::size_t kept_;
};

}  // namespace espalier
