// The command line of espalierd. Pure; CLI11 stays in the .cc.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace espalier {

struct DaemonOptions {
  std::string data_dir;
  std::string grpc = "127.0.0.1:7443";
  std::string http = "127.0.0.1:7480";
  std::string tls_cert;
  std::string tls_key;
  std::string client_ca;
  std::string secrets_dir;
  // Removes all secrets that are kept, for good.
  bool forget_secrets = false;
  std::string ready_file;
  std::string log_level = "info";
};

struct ParsedOptions {
  DaemonOptions options;
  // Given: print this and exit with 0 (help, version).
  std::string message;
};

// INVALID_ARGUMENT with a sentence for the person who typed it.
absl::StatusOr<ParsedOptions> ParseOptions(int argc, const char* const* argv);

}  // namespace espalier
