// Pace: how fast one set of credentials may ask a forge. It keeps our own pace below what forges
// call abuse, and remembers when a forge has said "later", so that nothing is asked before: going
// on then is what gets integrations banned. Shared by all that use the credentials; thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"

namespace espalier::forge {

struct PaceLimits {
  // Between two writes.
  absl::Duration gap;
  int writes_per_minute = 0;
  int writes_per_hour = 0;
};

// What GitHub asks of programs that make content.
inline constexpr PaceLimits kGithubPace{absl::Seconds(1), 80, 500};
// What others bear; their own limits are their administrators' and come as answers.
inline constexpr PaceLimits kOwnServerPace{absl::ZeroDuration(), 300, 6000};

class Pace {
 public:
  Pace(Clock& clock, PaceLimits limits) : clock_(clock), limits_(limits) {}

  // OK, or RESOURCE_EXHAUSTED with RetryAfter: a forge has said so.
  absl::Status Enter();
  // The same for a write, which is counted if it is OK.
  absl::Status EnterWrite();
  // Waits until the gap after the last write is over: for the later writes of one call.
  void WaitOutGap();

  // Reads what an answer says about limits. OK if it was no refusal because of one; else
  // RESOURCE_EXHAUSTED with RetryAfter.
  absl::Status Observe(const HttpResponse& response);

 private:
  // Until so many writes within such a time become one fewer.
  absl::Duration WaitFor(int count, absl::Duration window, absl::Duration now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  const PaceLimits limits_;
  Mutex mu_;
  // All in Clock::Elapsed().
  absl::Duration blocked_until_ ABSL_GUARDED_BY(mu_);
  // Oldest first, of the last hour.
  std::deque<absl::Duration> writes_ ABSL_GUARDED_BY(mu_);
  // Refusals in a row that did not say for how long.
  int vague_refusals_ ABSL_GUARDED_BY(mu_) = 0;
};

// How many requests the answer says are left; nothing where it does not say.
std::optional<std::int64_t> RemainingRequests(const HttpResponse& answer);

}  // namespace espalier::forge
