// What a plain scalar of YAML 1.2 means by the core schema: `no` and `on` are strings, `010` is
// ten, `0x1f` a number. Pure.
#pragma once

#include "absl/strings/string_view.h"
#include "engine/model/node.h"

namespace espalier {

// kNull, kBool, kNumber or kString.
Node::Type CoreTypeOf(absl::string_view plain);

}  // namespace espalier
