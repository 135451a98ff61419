#include "engine/render/color.h"

#include "absl/strings/str_cat.h"

namespace espalier {

std::string Paint(absl::string_view text, Color color) {
  switch (color) {
    case Color::kRed:
      return absl::StrCat("\x1b[31m", text, "\x1b[0m");
    case Color::kGreen:
      return absl::StrCat("\x1b[32m", text, "\x1b[0m");
    case Color::kYellow:
      return absl::StrCat("\x1b[33m", text, "\x1b[0m");
    case Color::kNone:
      break;
  }
  return std::string(text);
}

}  // namespace espalier
