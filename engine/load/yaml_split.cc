#include "engine/load/yaml_split.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace espalier {
namespace {

// Whether the line is `marker`, alone or with something behind it.
bool IsMarker(absl::string_view line, absl::string_view marker) {
  if (!absl::ConsumePrefix(&line, marker)) return false;
  return line.empty() || absl::ascii_isspace(line.front());
}

}  // namespace

std::vector<YamlChunk> SplitYaml(absl::string_view text) {
  std::vector<YamlChunk> chunks;
  YamlChunk chunk{text.substr(0, 0), 0};
  const auto cut = [&](std::size_t at, int next_line) {
    const std::size_t begin = chunk.text.data() - text.data();
    chunk.text = text.substr(begin, at - begin);
    chunks.push_back(chunk);
    chunk = {text.substr(at, 0), next_line};
  };
  int line = 0;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    if (IsMarker(text.substr(at, end - at), "---")) cut(at, line);
    if (IsMarker(text.substr(at, end - at), "...")) cut(end, line + 1);
    at = end;
  }
  cut(text.size(), line);
  return chunks;
}

}  // namespace espalier
