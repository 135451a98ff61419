// Documents of a YAML text, before anything is parsed: lines that begin or end one are known by
// themselves. Pure.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"

namespace espalier {

// A part of the text that begins at the start of a line. `first_line` is counted from 0.
struct YamlChunk {
  absl::string_view text;
  int first_line = 0;
};

// Cuts the text before each line `---` and after each line `...`: all of it, in order, with at most
// one document in each part. Such lines end every construct of YAML, so that a document that cannot
// be read does not hide the problems of those behind it.
std::vector<YamlChunk> SplitYaml(absl::string_view text);

}  // namespace espalier
