// Order: what is referred to comes before what refers to it. Pure.
#pragma once

#include <map>
#include <vector>

#include "engine/model/problem.h"
#include "engine/model/ref.h"

namespace espalier {

// The keys of `references` in an order in which every object follows those of the set that it
// refers to; objects without references among each other stay in order of their refs. A cycle is an
// error in `problems` that names its members, and the members follow in order of their refs.
std::vector<Ref> InReferenceOrder(const std::map<Ref, std::vector<Ref>>& references,
                                  Problems& problems);

}  // namespace espalier
