// Which seeds a simulation runs: ESPALIER_SEED=n runs that one with its trace printed, otherwise
// `count` from 1 (ESPALIER_SEEDS and ESPALIER_FIRST_SEED override) and the seeds that once failed.
#pragma once

#include <cstdint>
#include <vector>

namespace espalier::sim {

std::vector<std::uint64_t> SeedsToRun(std::uint64_t count,
                                      const std::vector<std::uint64_t>& regressions);

}  // namespace espalier::sim
