// Pulls: how the loop has sources fetched and loaded without waiting for it. Its methods belong to
// the loop's thread.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "reconciler/pull.h"

namespace espalier {

class Pulls {
 public:
  virtual ~Pulls() = default;

  // Begins a pull, whose end is told by waking the loop for the source. RESOURCE_EXHAUSTED above
  // limits::kGitSources, UNAVAILABLE while a forgotten source of this name is still ending.
  // REQUIRES: none is under way for the source, and the last result was taken.
  virtual absl::Status Start(const std::string& source, PullRequest request) = 0;
  // The result of the last pull, once; nothing while there is none.
  virtual std::optional<PullResult> Take(const std::string& source) = 0;
  // The source is gone: what is under way for it is dropped, and its files are removed.
  virtual void Forget(const std::string& source) = 0;
};

}  // namespace espalier
