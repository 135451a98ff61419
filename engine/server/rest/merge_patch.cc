#include "engine/server/rest/merge_patch.h"

#include <algorithm>
#include <string>
#include <utility>

namespace espalier {

void MergePatch(const Node& patch, Node& target) {
  if (patch.type != Node::Type::kMap) {
    target = patch;
    return;
  }
  if (target.type != Node::Type::kMap) {
    target = Node();
    target.type = Node::Type::kMap;
    target.line = patch.line;
    target.column = patch.column;
  }
  for (const auto& [key, value] : patch.entries) {
    const auto found =
        std::find_if(target.entries.begin(), target.entries.end(),
                     [&name = key](const auto& entry) { return entry.first == name; });
    if (value.type == Node::Type::kNull) {
      if (found != target.entries.end()) target.entries.erase(found);
    } else if (found != target.entries.end()) {
      MergePatch(value, found->second);
    } else {
      // An absent target is merged into as well: nulls inside the patch say "not there".
      Node& added = target.entries.emplace_back(key, Node()).second;
      MergePatch(value, added);
      added.key_line = value.key_line;
      added.key_column = value.key_column;
    }
  }
}

}  // namespace espalier
