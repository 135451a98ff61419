#include "engine/api/act_for_source.h"

namespace espalier {

void ActForSource(const std::string& source, const v1::GitSourceSpec& spec, ApplyRequest& request) {
  request.mutable_owner()->set_manager(Owner::GIT);
  request.mutable_owner()->set_instance(source);
  *request.mutable_scope()->mutable_namespaces() = spec.namespaces();
  *request.mutable_scope()->mutable_kinds() = spec.kinds();
  *request.mutable_ignore() = spec.ignore();
  if (spec.has_prune() && !spec.prune()) return;
  v1::Prune& prune = *request.mutable_prune();
  prune.set_whole_scope_loaded(true);
  const v1::DestructionBudget& budget = spec.destruction_budget();
  if (budget.has_percent()) prune.set_percent(budget.percent());
  if (budget.has_objects()) prune.set_objects(budget.objects());
}

}  // namespace espalier
