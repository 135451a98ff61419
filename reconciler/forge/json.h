// Small JSON: what a forge answers is read by paths that may lead nowhere, because nothing that
// comes from outside has to have the fields that its documentation promises; what we send is put
// together from texts. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/model/node.h"

namespace espalier::forge {

// What stands at a dotted path of keys ("head.repo.id"); null if that leads nowhere.
const Node* At(const Node& node, absl::string_view path);
// The string there, else empty.
std::string TextAt(const Node& node, absl::string_view path);
// The integer there, else 0.
std::int64_t NumberAt(const Node& node, absl::string_view path);
// Whether true stands there.
bool TrueAt(const Node& node, absl::string_view path);

// A string as JSON, with its quotes.
std::string Quoted(absl::string_view text);
// Names and values, which are JSON already. Members without a value are left out.
std::string Object(const std::vector<std::pair<absl::string_view, std::string>>& members);
std::string List(const std::vector<std::string>& values);

}  // namespace espalier::forge
