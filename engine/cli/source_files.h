// The objects of files and folders that stand on the command line, read as the reconciler reads a
// repository.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/api/resources.h"
#include "engine/cli/invocation.h"
#include "engine/load/load.h"
#include "engine/model/problem.h"

namespace espalier::cli {

// The kinds of the GitSource that the files are read for (empty: all), or nothing.
using GitKinds = std::optional<std::vector<std::string>>;

// The objects and the problems in them; the path "-" is standard input. For git, what it may never
// declare is a problem too; otherwise an object that names no namespace is in the one that the user
// works in. Blocks.
absl::StatusOr<std::vector<LoadedObject>> LoadPaths(Invocation& invocation,
                                                    const std::vector<std::string>& paths,
                                                    const GitKinds& git, Problems& problems);

}  // namespace espalier::cli
