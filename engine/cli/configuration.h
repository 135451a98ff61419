// The user's configuration file: where the engine is when neither flags nor environment say so.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "engine/base/io.h"
#include "engine/cli/invocation.h"

namespace espalier::cli {

// Fills what is still empty in `globals` from a YAML file with the keys engine, token_file, ca_file,
// cert_file, key_file and namespace. OK if there is no such file; INVALID_ARGUMENT names what is wrong
// in it.
absl::Status ReadConfiguration(Io& io, const std::string& path, Globals& globals);

}  // namespace espalier::cli
