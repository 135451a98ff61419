// Access to the parts of an object whatever its kind, and to references in it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/kind.h"
#include "engine/model/ref.h"

namespace espalier {

// The spec or status message of the object; it is made if absent. REQUIRES: the object has a kind.
const google::protobuf::Message& SpecOf(const Resource& resource);
google::protobuf::Message* MutableSpec(Resource& resource);
const google::protobuf::Message& StatusOf(const Resource& resource);
google::protobuf::Message* MutableStatus(Resource& resource);
// Makes `resource` an empty object of the kind.
void SetKind(Resource& resource, Kind kind);

// How many others an object stands for.
struct Members {
  // None: nothing is said about it, and the default counts.
  std::optional<std::int64_t> wanted;
  std::int64_t running = 0;
  // Why the rest waits.
  std::string why;
};
// REQUIRES: its kind has members (KindInfo::members).
Members MembersOf(const Resource& resource);

// A name in a spec that refers to another object.
struct Reference {
  // "spec.image", "spec.images[0]".
  std::string path;
  Ref target;
};
// All names in the spec that refer to other objects (fields with `ref`; OCI references are none),
// and the namespace of a namespaced object.
std::vector<Reference> ReferencesOf(const Resource& resource);

}  // namespace espalier
