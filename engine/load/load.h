// Load: files in memory (from a folder, or a git tree) -> a set of declared objects and the
// problems in them, with positions. Pure: nothing here opens a file. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/model/kind.h"
#include "engine/model/node.h"
#include "engine/model/problem.h"
#include "engine/model/ref.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

// A file's path (as people should see it in messages) and bytes.
struct SourceFile {
  std::string path;
  std::string bytes;
};

// One document of a file that became an object, without defaults, and where it stands
// ("fleet.yaml:12"). The sets of several commits share what is the same in them.
using LoadedObject = std::shared_ptr<const v1::Declared>;

// The documents of one YAML or JSON file: parsed, decoded, defaults applied for validation only and
// rules checked. All problems are collected. Depends on nothing but its arguments, so that results
// may be cached by the hash of the bytes.
std::vector<LoadedObject> LoadFile(const SourceFile& file, Problems& problems);

// What several files declare as one set, each object once. One that is declared twice is a problem
// that names both places; so are too many of them, and then the set is empty.
std::vector<LoadedObject> Combine(std::vector<LoadedObject> objects, Problems& problems);

// Copies the set into a request's.
void CopyTo(const std::vector<LoadedObject>& set,
            google::protobuf::RepeatedPtrField<v1::Declared>& declared);

// YAML text as one Node per document. Refused: duplicate keys (both lines named), anchors, aliases,
// custom tags, invalid UTF-8, and what exceeds limits.h. A document with duplicate keys (both
// values are kept) or anchors is given nevertheless, so that its other problems can be found. Plain
// scalars get YAML 1.2 core types (so `no` is a string and `0x1f` a number); quoted ones are
// strings.
std::vector<Node> ParseYaml(absl::string_view text, absl::string_view file, Problems& problems);

// Whether a file of this name is read at all: .yaml, .yml, .json, not hidden.
bool IsSourceName(absl::string_view path);

}  // namespace espalier
