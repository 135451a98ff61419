// Deleting objects by their names: what `delete` and `vm delete` have in common. One thread.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "engine/cli/invocation.h"

namespace espalier::cli {

// Asks for the deletion of each, as the request says beside the object, and prints what became of
// it. One that is refused does not keep the others. The exit code; errors are those of the
// connection.
absl::StatusOr<int> DeleteObjects(Invocation& invocation, const std::vector<Ref>& refs,
                                  v1::DeleteRequest request);

}  // namespace espalier::cli
