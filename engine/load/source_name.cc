#include "engine/load/source_name.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/limits.h"
#include "engine/model/utf8.h"

namespace espalier {
namespace {

// The code point at the front of `text`, which is taken off; -1 if the bytes are not UTF-8.
std::int32_t TakeCodePoint(absl::string_view& text) {
  const std::size_t size = Utf8Length(text, 0);
  if (size == 0) return -1;
  const auto lead = static_cast<unsigned char>(text.front());
  std::int32_t code = size == 1 ? lead : lead & (0x7F >> size);
  for (std::size_t i = 1; i < size; ++i) {
    code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
  }
  text.remove_prefix(size);
  return code;
}

bool IsInvisible(std::int32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x2069) || code == 0xFEFF ||
         (code >= 0xE0000 && code <= 0xE007F);
}

// Names by which Windows and HFS+ reach .git besides itself: a folder that is one of these was put
// there to be written through, never by accident.
bool IsGitAlias(absl::string_view name) {
  return absl::EqualsIgnoreCase(name, "git~1") || absl::StartsWithIgnoreCase(name, "git~1.") ||
         absl::EqualsIgnoreCase(name, ".git");
}

}  // namespace

std::string CheckSourceName(absl::string_view name) {
  if (name.empty() || name == "." || name == "..") return "is not a name";
  if (name.size() > limits::kSourceNameBytes) {
    return absl::StrCat("the name is longer than ", limits::kSourceNameBytes, " bytes");
  }
  absl::string_view rest = name;
  while (!rest.empty()) {
    const std::int32_t code = TakeCodePoint(rest);
    if (code < 0) return "the name is not valid UTF-8";
    if (IsInvisible(code)) {
      return absl::StrFormat("the name contains the invisible character U+%04X", code);
    }
    if (code == '\\' || code == '/') return "the name contains a slash or backslash";
    // Without tables of Unicode: what is left of an accent after decomposition is what makes two
    // equal-looking names differ.
    if (code >= 0x300 && code <= 0x36F) {
      return absl::StrFormat(
          "the name contains the separate accent U+%04X; use the composed letter", code);
    }
  }
  if (name.back() == '.' || name.back() == ' ' || name.front() == ' ') {
    return "the name begins or ends with a space, or ends with a dot";
  }
  if (IsGitAlias(name)) return "the name is another name of .git";
  return "";
}

}  // namespace espalier
