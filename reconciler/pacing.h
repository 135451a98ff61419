// Pacing: whether a source may apply now, and if not, why and until when. Pure: asked anew whenever
// something may have changed, so that nothing waits in it.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"

namespace espalier {

struct Pace {
  bool may_apply = true;
  // One CamelCase word: Suspended, WaitsForSource, OutsideWindows. Empty if it may.
  std::string reason;
  std::string message;
  // When time alone changes the answer; InfiniteFuture() if it does not.
  absl::Time until = absl::InfiniteFuture();
};

// The object of that name as it is now, or null.
using FindObject = absl::FunctionRef<const Resource*(const Ref&)>;

// Whether `source` may apply `commit` at `now`: nobody has suspended it or all sources, the sources
// that come before it are applied and healthy (those that follow the same ref, at the same commit),
// and its windows allow it.
Pace PaceOf(const Resource& source, const std::string& commit, FindObject find, absl::Time now);

// "suspended by ana until ...: why", if the source or all sources are; empty if not.
std::string SuspensionOf(const Resource& source, FindObject find, absl::Time now);

}  // namespace espalier
