// Node: a document (YAML or JSON) as a tree with positions, before it has a kind. Readers of text
// make it, Decode reads it. A plain value.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace espalier {

struct Node {
  enum class Type { kNull, kBool, kNumber, kString, kList, kMap };

  // Defined out of line: a pair of an incomplete type may not be asked how it is destroyed.
  Node();
  ~Node();
  Node(const Node&);
  Node& operator=(const Node&);
  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;

  Type type = Type::kNull;
  // kBool: "true" or "false". kNumber: as written. kString: the text.
  std::string text;
  std::vector<Node> items;
  // In order; keys are unique (the reader has refused duplicates). The position of a key is kept in
  // key_line and key_column of its value.
  std::vector<std::pair<std::string, Node>> entries;
  // From 1; 0 if unknown.
  int line = 0;
  int column = 0;
  int key_line = 0;
  int key_column = 0;

  // The value of a key of a map; null if there is none.
  const Node* Find(absl::string_view key) const;
};

}  // namespace espalier
