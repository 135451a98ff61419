// ShownPlans: the whole of each plan that was shown in a pull request, on the disk, for whoever
// follows its link. A plan is found by its digest alone, which stands nowhere but in the pull
// request: who can read that may read this. Thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/api/resources.h"
#include "engine/base/io.h"
#include "engine/base/log.h"

namespace espalier {

class ShownPlans {
 public:
  // Files are `<cache_dir>/<source>/reports/plans/<digest>.{json,txt}`. Borrowed: io and log.
  ShownPlans(Io& io, Log& log, std::string cache_dir);

  // Keeps the plan in both forms, in place of the oldest ones beyond a number. A disk that fails is
  // logged.
  void Put(const std::string& source, const ApplyResult& result);

  // As it is served: text for people, or JSON. NOT_FOUND: there is none (any more), or this is no
  // digest.
  absl::StatusOr<std::string> Read(const std::string& source, absl::string_view digest,
                                   bool as_json) const;

 private:
  std::string DirOf(const std::string& source) const;
  void RemoveOldest(const std::string& dir);

  Io& io_;
  Log& log_;
  const std::string cache_dir_;
};

}  // namespace espalier
