// The destruction guard: how much one owner may take away in an hour by no longer declaring it.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "espalier/v1/cluster.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

struct Budget {
  std::int64_t percent = 20;
  std::int64_t objects = 3;
  // VMs with a running job that may be among them.
  std::int64_t claimed = 0;

  // The larger of both shares of `owned` objects.
  std::int64_t Allowed(std::int64_t owned) const;
};

// The request's own numbers where it gives them, else the source's, else the Cluster's, else the
// defaults.
Budget BudgetOf(const v1::ClusterSpec& cluster, const v1::DestructionBudget& source,
                const v1::Prune& prune);

// Why `destroys` more are too many after `lately`; empty if they are not.
std::string WhyOverBudget(const Budget& budget, std::int64_t owned, std::int64_t lately,
                          std::int64_t destroys);
// Why destroying VMs that are claimed ("vm ci/build, claimed by ...") is too much; empty if it is
// not.
std::string WhyOverClaims(const Budget& budget, const std::vector<std::string>& claimed);

}  // namespace espalier
