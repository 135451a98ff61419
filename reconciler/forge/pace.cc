#include "reconciler/forge/pace.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/retry_after.h"
#include "reconciler/forge/forge.h"

namespace espalier::forge {
namespace {

// However long a forge asks for: a clock that is wrong must not silence us for a year.
constexpr absl::Duration kLongest = absl::Hours(2);
// What GitHub wants where it does not say how long, doubled for each refusal that follows.
constexpr absl::Duration kVague = absl::Seconds(60);
constexpr int kDoublings = 4;

absl::Status Later(absl::string_view why, absl::Duration wait) {
  // Whole seconds are for people; a wait of nothing would be asked again at once.
  const auto seconds =
      std::max<std::int64_t>(1, absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1))));
  return WithRetryAfter(
      absl::ResourceExhaustedError(absl::StrCat(why, ": again in ", seconds, " s")), wait);
}

// GitHub's "x-ratelimit-remaining", GitLab's "RateLimit-Remaining".
absl::string_view LimitHeader(const HttpResponse& response, absl::string_view name) {
  const absl::string_view value = response.Header(absl::StrCat("x-ratelimit-", name));
  return value.empty() ? response.Header(absl::StrCat("ratelimit-", name)) : value;
}

// 403 is also how GitHub says it, beside "you may not".
bool IsRefusal(const HttpResponse& response) {
  if (response.status == 429) return true;
  if (response.status != 403) return false;
  if (!response.Header("retry-after").empty() || LimitHeader(response, "remaining") == "0") {
    return true;
  }
  const std::string text = absl::AsciiStrToLower(response.body.substr(0, 2000));
  return absl::StrContains(text, "rate limit") || absl::StrContains(text, "abuse detection");
}

}  // namespace

absl::Status Pace::Enter() {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  if (now >= blocked_until_) return absl::OkStatus();
  return Later("the forge's rate limit", blocked_until_ - now);
}

absl::Status Pace::EnterWrite() {
  if (absl::Status status = Enter(); !status.ok()) return status;
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  while (!writes_.empty() && writes_.front() <= now - absl::Hours(1)) writes_.pop_front();
  const absl::Duration wait = std::max({WaitFor(1, limits_.gap, now),
                                        WaitFor(limits_.writes_per_minute, absl::Minutes(1), now),
                                        WaitFor(limits_.writes_per_hour, absl::Hours(1), now)});
  if (wait > absl::ZeroDuration()) return Later("our own limit of writes to the forge", wait);
  writes_.push_back(now);
  return absl::OkStatus();
}

absl::Duration Pace::WaitFor(int count, absl::Duration window, absl::Duration now) const {
  if (static_cast<int>(writes_.size()) < count) return absl::ZeroDuration();
  return writes_[writes_.size() - count] + window - now;
}

void Pace::WaitOutGap() {
  const absl::Duration now = clock_.Elapsed();
  absl::Duration wait;
  {
    MutexLock lock(mu_);
    if (!writes_.empty()) wait = writes_.back() + limits_.gap - now;
  }
  if (wait > absl::ZeroDuration()) clock_.Sleep(wait);
}

absl::Status Pace::Observe(const HttpResponse& response) {
  const absl::Time now = clock_.Now();
  const absl::Duration elapsed = clock_.Elapsed();
  const bool refused = IsRefusal(response);
  // A limit that was just reached is not asked to say so itself.
  const bool used_up = response.status < 400 && LimitHeader(response, "remaining") == "0";
  absl::Duration wait;
  std::uint32_t seconds = 0;
  std::int64_t reset = 0;
  MutexLock lock(mu_);
  if (!refused) vague_refusals_ = 0;
  if (!refused && !used_up) return absl::OkStatus();
  if (absl::SimpleAtoi(response.Header("retry-after"), &seconds)) {
    wait = absl::Seconds(seconds);
  } else if (LimitHeader(response, "remaining") == "0" &&
             absl::SimpleAtoi(LimitHeader(response, "reset"), &reset)) {
    wait = absl::FromUnixSeconds(reset) - now;
  } else if (refused) {
    wait = kVague * (1 << std::min(vague_refusals_++, kDoublings));
  }
  // The forge's clock is not ours: a reset in our past is still in the forge's future.
  wait = std::clamp(wait, absl::Seconds(1), kLongest);
  blocked_until_ = std::max(blocked_until_, elapsed + wait);
  return refused ? Later("the forge's rate limit", wait) : absl::OkStatus();
}

std::optional<std::int64_t> RemainingRequests(const HttpResponse& answer) {
  std::int64_t remaining = 0;
  if (!absl::SimpleAtoi(LimitHeader(answer, "remaining"), &remaining)) return std::nullopt;
  return remaining;
}

}  // namespace espalier::forge
