#include "engine/load/node_edit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/load/place.h"

namespace espalier {
namespace {

Node* Find(Node& map, absl::string_view key) { return const_cast<Node*>(map.Find(key)); }

// Takes ".key" or "[key]" off the front of what nothing in the document explains. A key in brackets
// ends where the path goes on, or with it.
std::string TakeKey(absl::string_view& path) {
  std::size_t end = 0;
  std::string key;
  if (path.front() == '[') {
    end = std::min(path.find("]."), path.find("]["));
    if (end == absl::string_view::npos) end = path.rfind(']');
    if (end == absl::string_view::npos) end = path.size();
    key = std::string(path.substr(1, end - 1));
    end = std::min(end + 1, path.size());
  } else {
    end = std::min(path.find_first_of(".[", 1), path.size());
    key = std::string(path.substr(1, end - 1));
  }
  path.remove_prefix(end);
  return key;
}

}  // namespace

NodeKeys KeysOf(const Node& document, absl::string_view path) {
  const std::string dotted = absl::StrCat(".", path);
  absl::string_view rest = dotted;
  NodeKeys keys;
  const Node* node = &document;
  while (!rest.empty()) {
    const std::pair<std::string, Node>* entry = node == nullptr ? nullptr : TakeEntry(*node, rest);
    if (entry == nullptr) {
      keys.push_back(TakeKey(rest));
      node = nullptr;
    } else {
      keys.push_back(entry->first);
      node = &entry->second;
    }
  }
  return keys;
}

std::size_t DepthOf(const Node& document, const NodeKeys& keys) {
  const Node* node = &document;
  for (std::size_t depth = 0; depth < keys.size(); ++depth) {
    node = node->type == Node::Type::kMap ? node->Find(keys[depth]) : nullptr;
    if (node == nullptr) return depth;
  }
  return keys.size();
}

const Node* FindNode(const Node& document, const NodeKeys& keys) {
  const Node* node = &document;
  for (const std::string& key : keys) {
    node = node->type == Node::Type::kMap ? node->Find(key) : nullptr;
    if (node == nullptr) return nullptr;
  }
  return node;
}

Node Nested(const NodeKeys& keys, std::size_t first, Node value) {
  for (std::size_t i = keys.size(); i > first; --i) {
    Node map;
    map.type = Node::Type::kMap;
    map.entries.emplace_back(keys[i - 1], std::move(value));
    value = std::move(map);
  }
  return value;
}

void SetNode(Node& document, const NodeKeys& keys, const Node& value) {
  Node* node = &document;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Node* next = node->type == Node::Type::kMap ? Find(*node, keys[i]) : nullptr;
    if (next == nullptr) {
      node->entries.emplace_back(keys[i], Nested(keys, i + 1, value));
      return;
    }
    node = next;
  }
  *node = value;
}

std::size_t RemovedDepth(const Node& document, const NodeKeys& keys) {
  std::size_t depth = 0;
  const Node* node = &document;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // The innermost map that has something else stays.
    if (depth == 0 || node->entries.size() > 1) depth = i + 1;
    node = node->type == Node::Type::kMap ? node->Find(keys[i]) : nullptr;
    if (node == nullptr) return 0;
  }
  return depth;
}

void RemoveNode(Node& document, const NodeKeys& keys) {
  const std::size_t depth = RemovedDepth(document, keys);
  if (depth == 0) return;
  Node* node = &document;
  for (std::size_t i = 0; i + 1 < depth; ++i) node = Find(*node, keys[i]);
  std::erase_if(node->entries, [&](const auto& entry) { return entry.first == keys[depth - 1]; });
}

bool SaysTheSame(const Node& a, const Node& b) {
  return a.type == b.type && a.text == b.text &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), SaysTheSame) &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const auto& one, const auto& other) {
                      return one.first == other.first && SaysTheSame(one.second, other.second);
                    });
}

}  // namespace espalier
