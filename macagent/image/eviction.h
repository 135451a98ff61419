// Which images make room for another one. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "macagent/image/store.h"

namespace espalier::agent {

// A complete image that may go.
struct Candidate {
  std::string digest;
  Need need = Need::kNone;
  std::int64_t bytes = 0;
  absl::Time last_used;
};

// The images to evict so that at least `missing` bytes become free for something of `need`: the
// least needed first, of those the ones unused for longest. Only what is needed less goes, and
// nothing that is pinned or that a run needs. Nullopt if that is not enough: then nothing should
// go.
std::optional<std::vector<std::string>> ChooseVictims(std::vector<Candidate> candidates, Need need,
                                                      std::int64_t missing);

}  // namespace espalier::agent
