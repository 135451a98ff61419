#include "engine/load/place.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace espalier {
namespace {

bool AtStepEnd(absl::string_view path) {
  return path.empty() || path.front() == '.' || path.front() == '[';
}

// The entry or item that `path` goes on with, which is taken off it; null if there is none. Keys
// may themselves contain dots and brackets: those that are there decide how the path is read.
const Node* TakeStep(const Node& node, absl::string_view& path) {
  for (const auto& [key, value] : node.entries) {
    for (const std::string& step : {absl::StrCat(".", key), absl::StrCat("[", key, "]")}) {
      absl::string_view rest = path;
      if (!absl::ConsumePrefix(&rest, step) || !AtStepEnd(rest)) continue;
      path = rest;
      return &value;
    }
  }
  absl::string_view rest = path;
  const std::size_t end = path.find(']');
  std::size_t index = 0;
  if (absl::ConsumePrefix(&rest, "[") && end != absl::string_view::npos &&
      absl::SimpleAtoi(path.substr(1, end - 1), &index) && index < node.items.size()) {
    path.remove_prefix(end + 1);
    return &node.items[index];
  }
  return nullptr;
}

}  // namespace

Place PlaceOf(const Node& document, absl::string_view path) {
  const std::string dotted = absl::StrCat(".", path);
  absl::string_view rest = dotted;
  const Node* node = &document;
  while (!rest.empty()) {
    const Node* next = TakeStep(*node, rest);
    if (next == nullptr) break;
    node = next;
  }
  // Of what is not there, the key of what should have it is named, not the first thing in it.
  if (!rest.empty() && node->key_line > 0) return {node->key_line, node->key_column};
  return {node->line, node->column};
}

}  // namespace espalier
