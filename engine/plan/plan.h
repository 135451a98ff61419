// Plan: what applying a set would do, as a value. The same function answers previews and the apply
// itself, so that Terraform, git and the command line never disagree about a diff. Pure: it reads a
// snapshot and the request, and leaves no choice to whoever carries it out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/model/problem.h"
#include "engine/model/ref.h"
#include "engine/plan/objects.h"
#include "espalier/v1/plan.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

struct PlanInput {
  const Objects& objects;
  // Objects have their defaults; what is not valid is not in it.
  const v1::ApplyRequest& request;
  // Who asks, for `edited` and holds.
  std::string actor;
  absl::Time now;
  // What this owner destroyed in the last hour already.
  std::int64_t destroyed_lately = 0;
  // Counted against quotas as if it stood; null: nothing is.
  const EarlierObjects* earlier = nullptr;
};

// What carrying out one action writes.
struct PlannedWrite {
  // Index into Plan.actions; -1 for what follows from carrying the plan out and is no part of it.
  int action = 0;
  // The object afterwards. uid, created_at and generation of a new incarnation are still the
  // committer's to stamp (see `new_incarnation`). No value: the object goes away.
  std::optional<Resource> after;
  Ref ref;
  // Revision that it is based on; 0: the object must not exist.
  std::int64_t base_revision = 0;
  bool new_incarnation = false;
  bool spec_changed = false;
  // Somebody other than the owner destroys it: kept on record for drift.
  bool by_foreign_hand = false;
};

// Whether VMs may come of it: a new incarnation of one, or a pool, which makes its own.
bool MakesVms(const PlannedWrite& write);

struct PlanOutput {
  v1::Plan plan;
  Problems problems;
  // In order of the plan's actions. Empty when there are errors.
  std::vector<PlannedWrite> writes;
  // What the plan destroys within the owner's budget.
  std::int64_t destroys = 0;
};

// ABORTED: a `uid`, `revision` or `generation` of the request is not the object's any more, or one
// of its premises does not hold.
absl::StatusOr<PlanOutput> MakePlan(const PlanInput& input);

// The plan of deleting one object. NOT_FOUND, ABORTED.
absl::StatusOr<PlanOutput> MakeDeletePlan(const Objects& objects, const v1::DeleteRequest& request,
                                          const std::string& actor, absl::Time now);

// SHA-256 over actions, changes and prior specs; not over times, counts, capacity, risk or reasons.
// `writes` tell apart what a change does not show: the seals of secrets.
std::string PlanDigest(const v1::Plan& plan, const Objects& objects,
                       const std::vector<PlannedWrite>& writes = {});

}  // namespace espalier
