// UTF-8: what is valid text. Pure, thread-safe.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace espalier {

// The number of bytes (1 to 4) of the character that begins at `position`, or 0 if what stands
// there is not valid UTF-8 (overlong forms and surrogates are not). REQUIRES: position <
// text.size().
std::size_t Utf8Length(absl::string_view text, std::size_t position);

// The position of the first byte that is not valid UTF-8, or npos.
std::size_t FindInvalidUtf8(absl::string_view text);

}  // namespace espalier
