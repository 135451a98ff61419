#include "reconciler/apply_set.h"

#include <algorithm>

#include "engine/api/act_for_source.h"

namespace espalier {

Owner OwnerOf(const std::string& source, const std::string& commit) {
  Owner owner;
  owner.set_manager(Owner::GIT);
  owner.set_instance(source);
  owner.set_commit(commit);
  return owner;
}

ApplyRequest ApplyRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet& set) {
  ApplyRequest request;
  request.mutable_objects()->Assign(set.declared.begin(), set.declared.end());
  ActForSource(source, spec, request);
  request.mutable_owner()->set_commit(set.commit);
  return request;
}

DriftRequest DriftRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet* set) {
  DriftRequest request;
  *request.mutable_owner() = OwnerOf(source, set != nullptr ? set->commit : "");
  *request.mutable_scope()->mutable_namespaces() = spec.namespaces();
  *request.mutable_scope()->mutable_kinds() = spec.kinds();
  if (set != nullptr) {
    request.mutable_declared()->Assign(set->declared.begin(), set->declared.end());
    request.set_with_declared(true);
  }
  return request;
}

bool HasWork(const Plan& plan) {
  return std::any_of(plan.actions().begin(), plan.actions().end(),
                     [](const v1::Action& action) { return action.verb() != v1::Action::NOOP; });
}

bool IsCorrectable(const DriftReport& report) {
  return std::any_of(report.rows().begin(), report.rows().end(), [](const v1::DriftRow& row) {
    // What was lost at run time is the engine's to heal; a spec is its owner's.
    return row.class_() == v1::DriftRow::CHANGED ||
           (row.class_() == v1::DriftRow::MISSING && !row.has_healed_at());
  });
}

}  // namespace espalier
