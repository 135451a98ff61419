// JSON merge patch (RFC 7396) over documents. Pure.
#pragma once

#include "engine/model/node.h"

namespace espalier {

// `target` with the patch's fields put in and those that it gives as null taken away. Lists and
// scalars are replaced whole. Positions are the patch's where a value comes from it.
void MergePatch(const Node& patch, Node& target);

}  // namespace espalier
