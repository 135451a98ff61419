// Whole numbers as documents write them. Pure. Internal to the model.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace espalier {

// The value of a JSON or YAML number that is whole, exactly: "12", "-3", "1e3", "4.0", "0x1f",
// "0o17". None for fractions, for what is no number, and beyond 64 bits.
std::optional<std::int64_t> ParseInteger(absl::string_view text);

}  // namespace espalier
