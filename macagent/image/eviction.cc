#include "macagent/image/eviction.h"

#include <algorithm>
#include <tuple>

namespace espalier::agent {

std::optional<std::vector<std::string>> ChooseVictims(std::vector<Candidate> candidates, Need need,
                                                      std::int64_t missing) {
  std::erase_if(candidates, [need](const Candidate& candidate) {
    return candidate.need >= need || candidate.need >= Need::kPinned;
  });
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(a.need, a.last_used, a.digest) < std::tie(b.need, b.last_used, b.digest);
  });
  std::vector<std::string> victims;
  for (const Candidate& candidate : candidates) {
    if (missing <= 0) break;
    victims.push_back(candidate.digest);
    missing -= candidate.bytes;
  }
  if (missing > 0) return std::nullopt;
  return victims;
}

}  // namespace espalier::agent
