// The command line of the provider's program. Core starts it without any argument; the flags are
// for people and for tools that develop with it. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::provider {

// What this process is asked to do.
enum class Task {
  // Serve the core that has started it.
  kServe,
  // Serve any number of cores that attach to it.
  kDebug,
  kSchemaJson,
  kVersion,
  kHelp,
};

// `arguments` are those after the program's name; one dash will do, as in Go. INVALID_ARGUMENT
// names what is no flag.
absl::StatusOr<Task> ParseCommandLine(const std::vector<std::string>& arguments);

// What --help prints, with its newline.
absl::string_view Usage();

// "terraform-provider-espalier 1.2.3", with its newline.
std::string VersionLine();

// The line for the shell in which Terraform shall attach to the process `pid` that listens on the
// socket `path`, with its newline.
std::string ReattachLine(absl::string_view path, int pid);

}  // namespace espalier::provider
