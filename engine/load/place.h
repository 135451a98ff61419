// Places: from a path in an object back to where it stands in the document. Pure.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "engine/model/node.h"
#include "engine/model/problem.h"

namespace espalier {

struct Place {
  int line = 0;
  int column = 0;
};

// Where the value at `path` ("spec.ports[http].guest") stands in `document`; if it is not there,
// where the innermost key of the path stands that is.
Place PlaceOf(const Node& document, absl::string_view path);

// The entry of a map that a path such as ".ports[http].guest" begins with, whose key is taken off
// it; null if there is none. Keys may themselves contain dots and brackets: those that are there
// decide how the path is read.
const std::pair<std::string, Node>* TakeEntry(const Node& map, absl::string_view& path);

// Puts the place of an object, "fleet.yaml:12", into a problem.
void SetPlace(absl::string_view source, Problem& problem);

}  // namespace espalier
