// Edits of a document as a tree: what a change of its text has to come to. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/model/node.h"

namespace espalier {

// Keys from the document's own map down: {"spec", "ports", "http", "guest"}.
using NodeKeys = std::vector<std::string>;

// The keys of a path such as "spec.ports[http].guest". Keys may contain dots and brackets: what the
// document has decides how the path is read.
NodeKeys KeysOf(const Node& document, absl::string_view path);

// What stands there; null if nothing does. With no keys: the document.
const Node* FindNode(const Node& document, const NodeKeys& keys);

// How many of the keys lead somewhere, through maps.
std::size_t DepthOf(const Node& document, const NodeKeys& keys);

// `value` within maps of these keys, from the one at `first` on.
Node Nested(const NodeKeys& keys, std::size_t first, Node value);

// Puts the value there, behind what else its map has; maps that are missing are made.
void SetNode(Node& document, const NodeKeys& keys, const Node& value);

// Of how many of the keys the last one is to be taken out of its map, so that with what is there no
// empty map is left; 0: nothing is there.
std::size_t RemovedDepth(const Node& document, const NodeKeys& keys);

// Takes it away, and maps that would be left empty.
void RemoveNode(Node& document, const NodeKeys& keys);

// Whether both say the same: places aside.
bool SaysTheSame(const Node& a, const Node& b);

}  // namespace espalier
