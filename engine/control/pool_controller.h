// PoolController: keeps as many members as a VmPool declares, made from its template, and rolls
// them when that changes. Members are Vms named "<pool>-<suffix>" whose owner is the pool. Lives on
// one loop's thread.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/loop/loop.h"

namespace espalier::control {

// What a pool does next with its members. Pure; one step at a time.
struct PoolStep {
  // So many new ones.
  int create = 0;
  // To be deleted.
  std::vector<const Resource*> remove;
  // To be given the present template.
  std::vector<const Resource*> update;
  // Why outdated members stay as they are for now; empty: nothing in particular.
  std::string waits;
  // Why a roll does not go on by itself: a member with the new template fails.
  std::string stopped;
  // When time alone changes the answer.
  absl::Time look_again = absl::InfiniteFuture();
};
// `members`: those that are not being deleted. `hash`: of the template.
PoolStep StepOf(const v1::VmPoolSpec& pool, const std::vector<const Resource*>& members,
                const std::string& hash, absl::Time now);

// What members are made from, to tell one template from another.
std::string TemplateHash(const Resource& pool);

class PoolController final : public Reconciler {
 public:
  // All borrowed.
  PoolController(Clock& clock, Random& random, Log& log, Resources& resources)
      : clock_(clock), random_(random), log_(log), resources_(resources) {}

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

 private:
  struct Members {
    std::vector<const Resource*> there;
    int leaving = 0;
  };
  static Members MembersOf(const Resource& pool, const Snapshot& now);
  absl::Status Apply(const Resource& pool, const PoolStep& step, const std::string& hash,
                     Turn& turn);
  absl::Status Remove(const Resource& pool, const std::vector<const Resource*>& members,
                      Turn& turn);
  absl::Status WriteStatus(const Resource& pool, const Members& members, const std::string& hash,
                           const std::string& failure, const PoolStep& step, Turn& turn);

  Clock& clock_;
  Random& random_;
  Log& log_;
  Resources& resources_;
  // What is remembered of a pool between two looks.
  struct Memory {
    // When it was looked at last (Elapsed()).
    absl::Duration looked_at = -absl::InfiniteDuration();
    // Why its template was refused, at which generation, and until when that is believed.
    std::string refused;
    std::int64_t refused_generation = 0;
    absl::Duration refused_until;
  };
  // The loop's thread.
  absl::flat_hash_map<Ref, Memory> memory_;
};

}  // namespace espalier::control
