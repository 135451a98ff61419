// Places: from a path in an object back to where it stands in the document. Pure.
#pragma once

#include "absl/strings/string_view.h"
#include "engine/model/node.h"

namespace espalier {

struct Place {
  int line = 0;
  int column = 0;
};

// Where the value at `path` ("spec.ports[http].guest") stands in `document`; if it is not there,
// where the innermost key of the path stands that is.
Place PlaceOf(const Node& document, absl::string_view path);

}  // namespace espalier
