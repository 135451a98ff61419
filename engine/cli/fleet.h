// The fleet as people see it: words and sums over hosts and VMs that several commands print.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/invocation.h"

namespace espalier::cli {

struct Fleet {
  std::vector<Resource> hosts;
  std::vector<Resource> vms;
};
absl::StatusOr<Fleet> ReadFleet(Invocation& invocation);

// "running", "pending", ...
std::string PhaseWord(const Resource& vm);
// "git fleet", "terraform ci", "cli".
std::string OwnerWord(const Owner& owner);
// What the status of a kind without runs says, from its conditions and liveness.
std::string WhyText(const Resource& resource);

// "41 %, 3.2G of 7.8G, 120M/s, 38 s left" while the digest is being pulled to the host; else empty.
absl::StatusOr<std::string> PullText(Invocation& invocation, const std::string& host,
                                     const std::string& digest);
std::string ProgressText(const v1::PullProgress& progress);

}  // namespace espalier::cli
