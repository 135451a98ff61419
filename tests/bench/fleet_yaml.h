// A VM as people write them, with a comment and most of its fields: what the benchmarks of loading
// read. Header only.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace espalier {

inline std::string VmYaml(int file, int index, int memory_mib = 8192) {
  return absl::StrCat(
      "---\n# Builds and signs.\napiVersion: espalier/v1\nkind: Vm\nmetadata:\n  name: vm-", file,
      "-", index, "\n  namespace: team-", file % 10,
      "\n  labels:\n    team: ios\n    purpose: build\nspec:\n"
      "  image: registry.example/macos/sonoma:14.6\n  cpu: 4\n  memory_mib: ",
      memory_mib,
      "\n  host_labels: {rack: \"a1\"}\n  ports:\n    http:\n      guest: 8080\n"
      "  guest_metadata:\n    queue: \"default\"\n  power: on\n  ttl_seconds: 3600\n"
      "  restart: on_failure\n");
}

}  // namespace espalier
