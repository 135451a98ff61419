// Explain: the documentation of a kind or a field as text, from the comments and options beside it.
// Pure, thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

// The explanation of "vm", "vm.spec.ports", "vm.spec.ports[http].guest" or, where nothing else is
// called so, "vm.cpu" for a field of the spec; of a problem's code, "problem/unknown_field". Lines
// of at most 80 characters, with a line feed at the end. INVALID_ARGUMENT with the nearest name if
// there is no such kind or field.
absl::StatusOr<std::string> Explain(absl::string_view path);

}  // namespace espalier
