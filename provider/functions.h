// Functions: what a configuration can compute with `provider::espalier::NAME(...)`: pure, without
// an engine or a configuration, because core calls them while it validates. Their table is in the
// .cc; to add one, add its row there. Every parameter is a string.
//
// Core answers for us where an argument is null (an error) or not wholly known (the result is
// unknown); the same rules hold here for whoever does not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "provider/value.h"

namespace espalier::provider {

struct FunctionParameter {
  std::string name;
  std::string description;
  // Null is a value for it; otherwise an error.
  bool allows_null = false;
};

struct FunctionAnswer {
  Value result;
  // Empty: it went well.
  std::string error;
  // The argument to blame, from zero; none if they are wrong together.
  std::optional<int> argument;
};

struct FunctionInfo {
  std::string name;
  std::string summary;
  std::string description;
  std::vector<FunctionParameter> parameters;
  // Type JSON of the result.
  std::string result_type;
  // REQUIRES: the arguments are as the parameters say, and known.
  FunctionAnswer (*call)(absl::Span<const Value> arguments);
};

// Sorted by name.
const std::vector<FunctionInfo>& AllFunctions();

// Checks the arguments and calls. An unknown argument makes the result unknown; no such function, a
// wrong number of arguments, a null or something else than a string is an error.
FunctionAnswer CallFunction(absl::string_view name, absl::Span<const Value> arguments);

}  // namespace espalier::provider
