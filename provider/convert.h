// Conversion between Terraform's objects and the model's. With schema.h the only place of the
// provider that uses protobuf reflection. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/model/kind.h"
#include "engine/model/problem.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

struct Converted {
  Resource resource;
  // Model paths whose value is not known yet. Fields are absent from the resource; items of lists
  // and maps are there, empty, so that the others keep their places.
  std::vector<std::string> unknown;
};

// The object as a resource, without defaults applied. What the model cannot hold (numbers that are
// not whole or out of range, names of no enum value, null or empty members) is a problem with its
// path. REQUIRES: `object` conforms to the schema and is known.
Converted ToResource(const Schema& schema, const Value& object, Problems& problems);

// What is known of the object's status, into the resource.
void AddStatus(const Schema& schema, const Value& object, Resource& resource);

// The resource as a wholly known object with these attributes, those of a kind's resource or data
// source; `timeouts` is null. What is unset is null.
Value ToValue(const Attributes& attributes, const Resource& resource);

}  // namespace espalier::provider
