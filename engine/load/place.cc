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

// The value or item that `path` goes on with, which is taken off it; null if there is none.
const Node* TakeStep(const Node& node, absl::string_view& path) {
  if (const auto* entry = TakeEntry(node, path)) return &entry->second;
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

const std::pair<std::string, Node>* TakeEntry(const Node& map, absl::string_view& path) {
  for (const auto& entry : map.entries) {
    for (const std::string& step :
         {absl::StrCat(".", entry.first), absl::StrCat("[", entry.first, "]")}) {
      absl::string_view rest = path;
      if (!absl::ConsumePrefix(&rest, step) || !AtStepEnd(rest)) continue;
      path = rest;
      return &entry;
    }
  }
  return nullptr;
}

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

void SetPlace(absl::string_view source, Problem& problem) {
  const std::size_t colon = source.rfind(':');
  int line = 0;
  if (colon != absl::string_view::npos && absl::SimpleAtoi(source.substr(colon + 1), &line)) {
    problem.set_line(line);
    source = source.substr(0, colon);
  }
  problem.set_file(std::string(source));
}

}  // namespace espalier
