#include "engine/oci/retry.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"

namespace espalier::oci {

absl::Duration BackOff(int tries_so_far, Random& random) {
  const int doublings = std::clamp(tries_so_far - 1, 0, 8);
  const absl::Duration wait =
      std::min(absl::Milliseconds(250) * (1 << doublings), absl::Seconds(3));
  return random.Jitter(wait, 0.1);
}

absl::Duration RetryAfter(const HttpResponse& response, absl::Time now) {
  const absl::string_view text = response.Header("Retry-After");
  absl::Duration wait;
  std::uint32_t seconds = 0;
  absl::Time date;
  std::string error;
  if (absl::SimpleAtoi(text, &seconds)) {
    wait = absl::Seconds(seconds);
  } else if (!text.empty() && absl::ParseTime("%a, %d %b %E4Y %H:%M:%S GMT", text, &date, &error)) {
    wait = date - now;
  }
  return std::clamp(wait, absl::ZeroDuration(), kLongestWait);
}

}  // namespace espalier::oci
