// RandomResource: objects that fill every corner of the model, for tests of round trips. Tests
// only.
#pragma once

#include "engine/base/random.h"
#include "engine/model/kind.h"

namespace espalier {

// A valid object of the kind: each optional part is there or not by chance, values lie within the
// bounds that the options give, often at their edges. Without status, and as the engine answers it:
// with seals in place of secrets. The same seed gives the same objects.
Resource RandomResource(Kind kind, Random& random);

// Fills the status as well, with whatever the types of its fields hold.
void FillStatus(Resource& resource, Random& random);

}  // namespace espalier
