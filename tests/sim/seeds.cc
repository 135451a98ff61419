#include "tests/sim/seeds.h"

#include "tests/support/environment.h"

namespace espalier::sim {

std::vector<std::uint64_t> SeedsToRun(std::uint64_t count,
                                      const std::vector<std::uint64_t>& regressions) {
  if (const std::uint64_t one = NumberFromEnvironment("ESPALIER_SEED", 0); one != 0) return {one};
  const std::uint64_t first = NumberFromEnvironment("ESPALIER_FIRST_SEED", 1);
  count = NumberFromEnvironment("ESPALIER_SEEDS", count);
  std::vector<std::uint64_t> all = regressions;
  for (std::uint64_t seed = first; seed < first + count; ++seed) all.push_back(seed);
  return all;
}

}  // namespace espalier::sim
