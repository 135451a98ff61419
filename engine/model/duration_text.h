// Durations as people write them. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

// "90", "90s", "15m", "4h", "2d" in seconds; an empty text is 0. INVALID_ARGUMENT.
absl::StatusOr<std::int64_t> SecondsFromText(absl::string_view text);

}  // namespace espalier
