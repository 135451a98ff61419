// FaultyResources: a connection to the engine that may be slow, lose a call or its answer, deliver
// a call twice, or be cut. It stands between an actor and the real Resources; the seed decides.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/api/sessions.h"
#include "tests/sim/world.h"

namespace espalier::sim {

// What a connection does to its calls. Changed while the simulation runs.
struct Weather {
  double delay = 0;  // a call takes up to max_delay longer
  absl::Duration max_delay = absl::Milliseconds(500);
  double drop = 0;         // the call never arrives
  double lose_answer = 0;  // the call arrives, its answer does not
  double duplicate = 0;    // the call arrives twice
  double break_watch = 0;  // a watch ends with an error
  bool cut = false;        // nothing arrives
  bool dead = false;       // the caller was killed: nothing that it does has an effect any more
};

class FaultyResources final : public Resources {
 public:
  // All borrowed.
  FaultyResources(World& world, Resources& inner, Weather& weather)
      : world_(world), inner_(inner), weather_(weather) {}

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override;
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override;
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

 private:
  World& world_;
  Resources& inner_;
  Weather& weather_;
};

// The same for beats.
class FaultyLease final : public Lease {
 public:
  FaultyLease(World& world, Lease& inner, Weather& weather)
      : world_(world), inner_(inner), weather_(weather) {}
  absl::StatusOr<v1::BeatAck> Beat(const CallContext& context, const v1::Beat& beat) override;

 private:
  World& world_;
  Lease& inner_;
  Weather& weather_;
};

}  // namespace espalier::sim
