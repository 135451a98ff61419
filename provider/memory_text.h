// Memory as people write it, in MiB. Pure.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::provider {

// "12GiB" is 12288, "1.5 GiB" is 1536. Exact. INVALID_ARGUMENT, saying what is wrong: no number or
// unit, a unit of powers of ten, not a whole number of MiB, beyond 2^53.
absl::StatusOr<std::int64_t> MebibytesFromText(absl::string_view text);

}  // namespace espalier::provider
