#include "engine/plan/order.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"

namespace espalier {

std::vector<Ref> InReferenceOrder(const std::map<Ref, std::vector<Ref>>& references,
                                  Problems& problems) {
  // Kahn's algorithm over ordered sets, so that the answer depends on nothing but the input.
  std::map<Ref, int> waits_for;
  std::map<Ref, std::vector<Ref>> waited_by;
  for (const auto& [ref, targets] : references) {
    int& count = waits_for[ref];
    for (const Ref& target : targets) {
      if (target == ref || !references.contains(target)) continue;
      ++count;
      waited_by[target].push_back(ref);
    }
  }
  std::set<Ref> ready;
  for (const auto& [ref, count] : waits_for) {
    if (count == 0) ready.insert(ref);
  }
  std::vector<Ref> order;
  while (!ready.empty()) {
    const Ref ref = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(ref);
    waits_for.erase(ref);
    for (const Ref& waiting : waited_by[ref]) {
      if (--waits_for[waiting] == 0) ready.insert(waiting);
    }
  }
  if (!waits_for.empty()) {
    std::string members;
    for (const auto& [ref, count] : waits_for) {
      absl::StrAppend(&members, members.empty() ? "" : ", ", ToHuman(ref));
      order.push_back(ref);
    }
    problems.Error("reference_cycle", "",
                   absl::StrCat("these objects refer to each other in a circle: ", members));
  }
  return order;
}

}  // namespace espalier
