// LocalResources: the one local implementation of Resources, over a Store. It admits, plans and
// commits; it makes no decision of its own: what a plan says is in engine/plan, what a field means
// in engine/model. Callers' permissions are checked in front of it (authorize.h).
//
// Thread-safe. Reads and plans work on snapshots; a write is committed only if every object that it
// touches still is at the revision that the plan saw.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "engine/plan/plan.h"
#include "engine/server/audit/audit_trail.h"
#include "engine/server/object_map.h"
#include "engine/server/preview_book.h"
#include "engine/server/records.h"
#include "engine/server/secret_admission.h"
#include "engine/server/vault.h"
#include "engine/server/watch_hub.h"
#include "engine/store/store.h"

namespace espalier {

// What scheduling says about a plan: whether all that it wants to run finds room beside what stands
// and what earlier previews of it would make. Called on many threads at once.
using CapacityVerdict = std::function<v1::Capacity(
    const ObjectMap& before, const EarlierObjects& earlier, const PlanOutput& plan)>;

class LocalResources final : public Resources {
 public:
  struct Options {
    // Empty: plans carry no verdict.
    CapacityVerdict capacity;
    // Where secrets are kept that are given as values; borrowed. Null: none are taken.
    const Vault* vault = nullptr;
  };

  // Reads all objects from the store and makes the builtin ones that are missing. Everything
  // borrowed must outlive it. DATA_LOSS if an object cannot be read.
  static absl::StatusOr<std::unique_ptr<LocalResources>> Open(Clock& clock, Random& random,
                                                              Log& log, Store& store,
                                                              Options options);
  // REQUIRES: all watches are destroyed and nobody writes to the store any more.
  ~LocalResources() override;

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override;
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override;
  absl::StatusOr<ListPage> VisitPage(const CallContext& context, const Query& query,
                                     absl::FunctionRef<void(const Resource&)> visit) override;
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override;
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override;
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override;
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override;
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override;

  // All objects as of now, for what the server itself computes (metrics, capacity).
  ObjectMap Snapshot() const { return hub_.Snapshot(); }
  std::size_t watches() const { return hub_.watches(); }
  // Who did what, for those who read it and for those who write beside Resources.
  AuditTrail& audit() { return audit_; }
  // Forgets records that are too old to matter. From time to time.
  absl::Status Sweep();

 private:
  LocalResources(Clock& clock, Random& random, Log& log, Store& store, Options options);

  absl::Status Load();
  // On the store's committing thread, once per revision.
  void OnCommit(absl::Span<const StoreEvent> events);

  // local_apply.cc
  ApplyRequest Normalise(const ApplyRequest& request, KeptSecrets& kept, Problems& problems) const;
  absl::StatusOr<ApplyResult> PlanAndAnswer(const CallContext& context, const ApplyRequest& request,
                                            const KeptSecrets& kept, const Problems& own_problems,
                                            bool repeated);
  absl::StatusOr<ApplyResult> Answer(const CallContext& context, const ApplyRequest& request,
                                     const KeptSecrets& kept, const ObjectMap& objects,
                                     const EarlierObjects& earlier, bool repeated,
                                     PlanOutput& output);
  absl::StatusOr<std::int64_t> Commit(const CallContext& context, const ApplyRequest& request,
                                      const KeptSecrets& kept, const ObjectMap& objects,
                                      PlanOutput& output);
  void Stamp(PlannedWrite& write);

  // local_status.cc: the object as `write` makes it, based on `current`; null if nothing changes.
  absl::StatusOr<ObjectPtr> AfterStatusWrite(const StatusWrite& write, const ObjectPtr& current);
  absl::StatusOr<std::int64_t> WriteStatus(const StatusWrite& write);

  // Constant after construction.
  Clock& clock_;
  Random& random_;
  Log& log_;
  Store& store_;
  const Options options_;
  // Held from plan to commit by sets that count against a quota: each sees what the one before it
  // has made. Enough while one daemon writes.
  Mutex quota_mu_;
  // Their own synchronisation.
  PreviewBook previews_;
  Records records_;
  AuditTrail audit_;
  WatchHub hub_;
  // Touched by the store's committing thread only.
  ObjectMap latest_;
};

}  // namespace espalier
