// The patterns that fields of the model have, compiled once. Internal to the model. Thread-safe.
#pragma once

#include <string>

namespace espalier {

// Whether the whole of `text` matches. REQUIRES: `pattern` stands in the options of a spec's field.
bool MatchesPattern(const std::string& pattern, const std::string& text);

}  // namespace espalier
