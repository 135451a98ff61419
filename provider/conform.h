// Conform: values from outside brought into the shape of a schema, so that everything behind may
// rely on it. Pure.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// kExact: what core sends; every attribute is there and no other. kLenient: what a state file
// holds; what is missing has its default (null if it has none), what is unknown to the schema is
// dropped.
enum class Strictness { kExact, kLenient };

// The object with exactly the schema's attributes; numbers that were written as text are numbers.
// Null and unknown objects stay so. INVALID_ARGUMENT, naming the attribute, for anything else.
absl::StatusOr<Value> Conform(const Attributes& attributes, Value object, Strictness strictness);

// Of one object's state. Escapes make the JSON of an object up to six times as long as its text;
// core itself has no limit.
inline constexpr std::size_t kStateBytes = std::size_t{64} << 20;

// Reads the JSON of a state file, leniently. INVALID_ARGUMENT naming the place.
absl::StatusOr<Value> ReadStateJson(const Attributes& attributes, absl::string_view json);

}  // namespace espalier::provider
