// The WWW-Authenticate header (RFC 7235), as registries send it to say how to log in. Input of any
// kind is answered with a status; pure; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::oci {

struct Challenge {
  // Lower case: "bearer", "basic".
  std::string scheme;
  // Names in lower case; of a name that is given twice the first value counts.
  std::map<std::string, std::string> parameters;
};

// Every challenge of one header line. INVALID_ARGUMENT if it cannot be read.
absl::StatusOr<std::vector<Challenge>> ParseChallenges(absl::string_view header);

}  // namespace espalier::oci
