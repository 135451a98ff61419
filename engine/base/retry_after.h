// A refusal that says when to come back, as a payload of its status: a forge's rate limit, an
// engine that has too much to do. Pure.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace espalier {

// How long who refused the call asked to be left alone; 0 if it did not say.
absl::Duration RetryAfter(const absl::Status& status);
// `status` that says so. REQUIRES: it is not OK.
absl::Status WithRetryAfter(absl::Status status, absl::Duration wait);

}  // namespace espalier
