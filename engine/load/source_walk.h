// What a folder of declarations may contain, and the walk over it. A git tree and a directory on
// the disk are walked by the same code, so that `espalier validate DIR` and the reconciler refuse
// the same things with the same words. Pure: the entries of a folder come from the caller.
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/problem.h"

namespace espalier {

struct SourceEntry {
  enum class Type { kFile, kFolder, kSymlink, kSubmodule, kOther };
  std::string name;
  Type type = Type::kFile;
  // What the caller finds it by: a git object id, or nothing.
  std::string id;
};

struct FoundFile {
  // Below the folder at which the walk began, with the prefix given to it: "prod/fleet.yaml".
  std::string path;
  std::string id;
};

// Lists one folder. `path` and `id` are those of the folder; both are the walk's arguments for the
// first one.
using ListFolder = absl::FunctionRef<absl::StatusOr<std::vector<SourceEntry>>(
    const std::string& path, const std::string& id)>;

// All files that load reads (IsSourceName) below a folder, sorted by path. Entries whose name
// begins with a dot are left out unseen. What may not be there is a problem with its path:
// symlinks, submodules, devices, names that CheckSourceName refuses, names that differ only in
// case. Errors are those of `list`, and RESOURCE_EXHAUSTED above limits::kSourceEntries,
// kSourceFiles or kSourceDepth. `prefix` is put before the paths, with a slash, unless empty.
absl::StatusOr<std::vector<FoundFile>> WalkSource(const std::string& prefix, const std::string& id,
                                                  ListFolder list, Problems& problems);

// Why a source cannot be read at all, if a change of its files mends that, as a problem of `path`:
// there is no such folder, or too much in it. Returns OK for those, anything else as it is.
absl::Status AsProblem(const absl::Status& status, const std::string& path, Problems& problems);

}  // namespace espalier
