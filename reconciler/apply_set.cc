#include "reconciler/apply_set.h"

#include <algorithm>

#include "engine/api/act_for_source.h"
#include "engine/model/policy.h"

namespace espalier {
namespace {

// What the engine says of an object that it could not delete yet.
constexpr char kNotPruned[] = "not_pruned";

// What every request of a source says, whatever of the set it is about.
ApplyRequest RequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                       const LoadedSet& set) {
  ApplyRequest request;
  ActForSource(source, spec, request);
  request.mutable_owner()->set_commit(set.commit);
  // What became of each is in the plan.
  request.set_without_objects(true);
  return request;
}

}  // namespace

Owner OwnerOf(const std::string& source, const std::string& commit) {
  Owner owner;
  owner.set_manager(Owner::GIT);
  owner.set_instance(source);
  owner.set_commit(commit);
  return owner;
}

void AddPremise(const std::string& source, std::int64_t revision, ApplyRequest& request) {
  v1::Premise& premise = *request.add_premises();
  *premise.mutable_ref() = ToProto(Ref{Kind::kGitSource, "", source});
  premise.set_revision(revision);
}

ApplyRequest ApplyRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet& set) {
  ApplyRequest request = RequestOf(source, spec, set);
  CopyTo(set.declared, *request.mutable_objects());
  return request;
}

DriftRequest DriftRequestOf(const std::string& source, const v1::GitSourceSpec& spec,
                            const LoadedSet* set) {
  DriftRequest request;
  *request.mutable_owner() = OwnerOf(source, set != nullptr ? set->commit : "");
  *request.mutable_scope()->mutable_namespaces() = spec.namespaces();
  *request.mutable_scope()->mutable_kinds() = spec.kinds();
  if (set != nullptr) {
    CopyTo(set->declared, *request.mutable_declared());
    request.set_with_declared(true);
  }
  return request;
}

bool HasWork(const Plan& plan) {
  return std::any_of(plan.actions().begin(), plan.actions().end(),
                     [](const v1::Action& action) { return action.verb() != v1::Action::NOOP; });
}

bool WasLeftUndone(const ApplyResult& result) {
  return std::any_of(result.problems().begin(), result.problems().end(),
                     [](const v1::Problem& problem) { return problem.code() == kNotPruned; });
}

std::vector<Ref> ToCorrect(const DriftReport& report, const LoadedSet& set,
                           v1::DriftPolicy::Mode mode) {
  std::set<Ref> correctable;
  for (const v1::DriftRow& row : report.rows()) {
    // What was lost at run time is the engine's to heal; a spec is its owner's.
    const bool is_spec = row.class_() == v1::DriftRow::CHANGED ||
                         (row.class_() == v1::DriftRow::MISSING && !row.has_healed_at());
    const absl::StatusOr<Ref> ref = FromProto(row.ref());
    if (is_spec && ref.ok()) correctable.insert(*ref);
  }
  std::vector<Ref> chosen;
  if (correctable.empty()) return chosen;
  for (const LoadedObject& declared : set.declared) {
    const Ref ref = RefOf(declared->resource());
    if (!correctable.contains(ref)) continue;
    const auto own = PoliciesOf(declared->resource().metadata().annotations()).drift;
    if (own.value_or(mode) == v1::DriftPolicy::CORRECT) chosen.push_back(ref);
  }
  return chosen;
}

ApplyRequest CorrectionOf(const std::string& source, const v1::GitSourceSpec& spec,
                          const LoadedSet& set, const std::set<Ref>& objects) {
  ApplyRequest request = RequestOf(source, spec, set);
  request.clear_prune();
  for (const LoadedObject& declared : set.declared) {
    if (objects.contains(RefOf(declared->resource()))) *request.add_objects() = *declared;
  }
  return request;
}

}  // namespace espalier
