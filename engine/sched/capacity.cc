#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/sched/sched.h"

namespace espalier::sched {
namespace {

// "41 GB" as registries and disks count: powers of ten, at most one decimal.
std::string Bytes(std::int64_t bytes) {
  if (bytes >= 10'000'000'000) return absl::StrFormat("%.0f GB", static_cast<double>(bytes) / 1e9);
  if (bytes >= 1'000'000'000) return absl::StrFormat("%.1f GB", static_cast<double>(bytes) / 1e9);
  return absl::StrFormat("%.0f MB", static_cast<double>(bytes) / 1e6);
}

struct Group {
  int wanted = 0;
  int placed = 0;
  // Why those that wait do, with how many wait for it.
  std::map<std::string, int> reasons;
};

}  // namespace

v1::Capacity CapacityOf(Scheduler& scheduler, absl::Span<const Wish> wanted) {
  v1::Capacity capacity;
  Group all;
  // Per image the hosts that have to pull it.
  std::map<std::string, std::pair<std::int64_t, std::set<std::string>>> pulls;
  for (const Wish& wish : wanted) {
    const Decision decision = scheduler.Place(wish);
    ++all.wanted;
    if (!decision.placed()) {
      ++all.reasons[decision.why];
      continue;
    }
    ++all.placed;
    if (decision.missing_bytes > 0 && !wish.image_digest.empty()) {
      auto& [bytes, on] = pulls[wish.image_digest];
      bytes = decision.missing_bytes;
      on.insert(decision.host);
    }
  }
  for (const Wish& wish : wanted) scheduler.Remove(wish.vm);
  if (all.placed < all.wanted) {
    capacity.set_short_(true);
    capacity.add_verdicts(
        absl::StrCat(all.wanted, " wanted, ", all.placed, all.placed == 1 ? " slot: " : " slots: ",
                     all.wanted - all.placed, all.wanted - all.placed == 1 ? " waits" : " wait"));
    for (const auto& [why, count] : all.reasons) {
      capacity.add_verdicts(absl::StrCat(count, count == 1 ? " waits: " : " wait: ", why));
    }
  }
  for (const auto& [digest, pull] : pulls) {
    const auto& [bytes, on] = pull;
    capacity.add_verdicts(absl::StrCat("pulls ", Bytes(bytes), " × ", on.size(),
                                       on.size() == 1 ? " host" : " hosts"));
  }
  return capacity;
}

}  // namespace espalier::sched
