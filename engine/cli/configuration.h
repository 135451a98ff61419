// The user's configuration file: what stands in for environment variables that are not set.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/io.h"

namespace espalier::cli {

// Settings of a YAML file (engine, token_file, ca_file, cert_file, key_file, namespace) under the
// names of the variables that they stand in for: "ESPALIER_ENGINE", ... Empty if there is no such
// file; INVALID_ARGUMENT names what is wrong in it.
absl::StatusOr<std::map<std::string, std::string>> ReadConfiguration(Io& io,
                                                                     const std::string& path);

}  // namespace espalier::cli
