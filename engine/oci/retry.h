// When a request to a registry is worth another try, and how long to wait for it. Pure but for the
// generator; any thread.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/http.h"
#include "engine/base/random.h"

namespace espalier::oci {

// Tries of one request that makes no progress. Other clients use five as well.
inline constexpr int kTries = 5;
// However long a registry asks for: longer, and the caller's own loop comes back.
inline constexpr absl::Duration kLongestWait = absl::Seconds(60);

// Whether the server says "later".
inline bool IsRetryable(int http_status) {
  return http_status == 408 || http_status == 429 || http_status >= 500;
}

// 250 ms, doubled each time, at most 3 s, give or take a tenth.
absl::Duration BackOff(int tries_so_far, Random& random);

// What Retry-After asks for (seconds or a date), between nothing and kLongestWait; zero without it.
absl::Duration RetryAfter(const HttpResponse& response, absl::Time now);

}  // namespace espalier::oci
