#include "tests/sim/seeds.h"

#include <cstdlib>

#include "absl/strings/numbers.h"

namespace espalier::sim {

std::vector<std::uint64_t> SeedsToRun(std::uint64_t count,
                                      const std::vector<std::uint64_t>& regressions) {
  std::uint64_t one = 0;
  if (const char* seed = std::getenv("ESPALIER_SEED");
      seed != nullptr && absl::SimpleAtoi(seed, &one)) {
    return {one};
  }
  std::uint64_t wanted = 0;
  if (const char* seeds = std::getenv("ESPALIER_SEEDS");
      seeds != nullptr && absl::SimpleAtoi(seeds, &wanted)) {
    count = wanted;
  }
  std::vector<std::uint64_t> all = regressions;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

}  // namespace espalier::sim
