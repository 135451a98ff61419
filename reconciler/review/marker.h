// Marker: the first line of everything that we write on a forge and want to find again. People see
// nothing of it; it says what the text is about and how new it is. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

struct Marker {
  // What the text is: "plan/fleet", "drift/fleet", "reply/fleet". Letters, digits and "/._-".
  std::string key;
  // The commit that it is about; may be empty.
  std::string commit;
  // The digest of the plan in it; may be empty.
  std::string digest;
  // The engine's revision that it was made at: of two texts about one commit the larger is newer.
  std::int64_t revision = 0;
};

// "<!-- espalier:v1 key=plan/fleet commit=4f2a... digest=91bc... revision=17 -->"
std::string MarkerLine(const Marker& marker);

// The marker of a text, if its first line is one. Whoever wrote the text can write this: check that
// it was us.
std::optional<Marker> ParseMarker(absl::string_view text);

}  // namespace espalier
