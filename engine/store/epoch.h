// Epochs: names of histories. Two histories that could hold different things at one revision have
// different names, so that a resume token of one is refused by the other.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

// A name for a history that begins now: 16 hex digits.
std::string RandomEpoch();

// The name after a restore. It follows from what was restored over what, so that the simulation
// stays repeatable; the revision, which is above all earlier ones, makes it new each time.
std::string NextEpoch(absl::string_view before, absl::string_view snapshot, std::int64_t revision);

}  // namespace espalier
