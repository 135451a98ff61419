#include "engine/plan/budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace espalier {

std::int64_t Budget::Allowed(std::int64_t owned) const {
  return std::max(objects, owned * percent / 100);
}

Budget BudgetOf(const v1::ClusterSpec& cluster, const v1::DestructionBudget& source,
                const v1::Prune& prune) {
  Budget budget;
  for (const v1::DestructionBudget* declared : {&cluster.destruction_budget(), &source}) {
    if (declared->has_percent()) budget.percent = declared->percent();
    if (declared->has_objects()) budget.objects = declared->objects();
    if (declared->has_claimed()) budget.claimed = declared->claimed();
  }
  if (prune.has_percent()) budget.percent = prune.percent();
  if (prune.has_objects()) budget.objects = prune.objects();
  return budget;
}

std::string WhyOverBudget(const Budget& budget, std::int64_t owned, std::int64_t lately,
                          std::int64_t destroys) {
  // What was destroyed in this hour counted as owned when it went, so it is part of the base.
  const std::int64_t allowed = budget.Allowed(owned + lately);
  if (destroys == 0 || lately + destroys <= allowed) return "";
  std::string why = absl::StrCat("this would destroy ", destroys, " of ", owned, " objects");
  if (lately > 0) absl::StrAppend(&why, ", after ", lately, " in the last hour");
  return absl::StrCat(why, "; the budget is ", allowed, " an hour (", budget.percent, " % or ",
                      budget.objects, ", the larger)");
}

std::string WhyOverClaims(const Budget& budget, const std::vector<std::string>& claimed) {
  if (static_cast<std::int64_t>(claimed.size()) <= budget.claimed) return "";
  return absl::StrCat("this would destroy VMs with a running job, of which the budget allows ",
                      budget.claimed, ": ", absl::StrJoin(claimed, "; "));
}

}  // namespace espalier
