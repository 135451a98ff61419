// The names that files and folders of declarations may have, wherever they are read from. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

// Why `name` may not be the name of a file or folder in a source, or empty if it may: control and
// invisible characters, slash and backslash, ".." and ".", a space at either end, a dot at the end,
// other names of .git, invalid UTF-8, decomposed accents, more than limits::kSourceNameBytes.
std::string CheckSourceName(absl::string_view name);

}  // namespace espalier
