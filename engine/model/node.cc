#include "engine/model/node.h"

namespace espalier {

const Node* Node::Find(absl::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace espalier
