// ReadDirectory: a directory on the disk as the files that load reads, by the same rules as a git
// tree (source_walk.h). Used where people check their files before they push them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/io.h"
#include "engine/load/load.h"
#include "engine/model/problem.h"

namespace espalier {

// The files below `dir`, sorted, with paths as one would type them: beginning with `dir`, unless
// that is "."; if `dir` is a file, that file. What is refused is a problem with its path.
// NOT_FOUND; RESOURCE_EXHAUSTED above the limits of a source. Thread-safe; blocks.
absl::StatusOr<std::vector<SourceFile>> ReadDirectory(Io& io, const std::string& dir,
                                                      Problems& problems);

// The problem of a file that is larger than limits::kDocumentBytes.
void AddTooLarge(const std::string& path, std::int64_t size_bytes, Problems& problems);

}  // namespace espalier
