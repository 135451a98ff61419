// Colours of terminals. Internal to this folder.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

enum class Color { kNone, kRed, kGreen, kYellow };

// `text` between the escapes that colour it.
std::string Paint(absl::string_view text, Color color);

}  // namespace espalier
