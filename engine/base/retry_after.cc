#include "engine/base/retry_after.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

constexpr char kRetryAfter[] = "espalier/retry_after";

}  // namespace

absl::Duration RetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfter);
  absl::Duration wait;
  if (!payload.has_value() || !absl::ParseDuration(std::string(*payload), &wait)) {
    return absl::ZeroDuration();
  }
  return wait;
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration wait) {
  ESPALIER_CHECK(!status.ok());
  // Debian's Cord has no constructor from strings that clang could link with.
  const std::string text = absl::FormatDuration(wait);
  status.SetPayload(kRetryAfter, absl::Cord(absl::string_view(text)));
  return status;
}

}  // namespace espalier
