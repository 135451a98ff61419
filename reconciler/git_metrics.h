// GitMetrics: what the reconciler counts about itself, in Prometheus' text form, for /metrics.
// Labels are names of sources and fixed words: never what a repository, a pull request or a forge
// says. docs/metrics.md lists them. One per process, owned by main; prometheus-cpp stays in the
// .cc. Thread-safe.
//
// How to add one:
//   1. A family in Families, and its series in OfSource if it has the source as a label.
//   2. A method here, called where the thing happens.
//   3. Its line in docs/metrics.md, and its name in git_metrics_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"
#include "espalier/v1/forge.pb.h"
#include "reconciler/pacing.h"
#include "reconciler/source_set.h"

namespace espalier {

class GitMetrics {
 public:
  // Borrowed: clock.
  explicit GitMetrics(Clock& clock);
  ~GitMetrics();

  // From now on, until Leave, there are series of this source. What the methods below say of
  // another is dropped: a thread may end when its source is gone. At most limits::kGitSources.
  void Follow(const std::string& source);
  void Leave(const std::string& source);

  // A fetch has ended, of the source's own ref or of a pull request's.
  void Fetched(const std::string& source, bool succeeded, absl::Duration took);
  // What the source's mirror holds.
  void MirrorIs(const std::string& source, std::int64_t bytes, std::int64_t packs);
  // The repository has said where the source's own ref is.
  void Heard(const std::string& source);
  void Parsed(const std::string& source, const LoadedSet& set);

  // Any plan, also that of a pull request or of a correction.
  void PlanTook(const std::string& source, absl::Duration took);
  // What stands against the source's own commit. Counted is what did not stand against the plan
  // before. `find` tells whose the objects are now.
  void PlanIs(const std::string& source, const ApplyResult& plan, FindObject find);
  void Applied(const std::string& source, absl::Duration took);
  // The commit that somebody pushed so long ago is applied.
  void PushApplied(const std::string& source, absl::Duration since_push);
  // Nothing of the last plan is left to do.
  void NothingLeft(const std::string& source);

  void DriftIs(const std::string& source, const DriftReport& report);
  // Corrections of an object have stopped because somebody changes it back.
  void FightBegan(const std::string& source);
  void SuspendedIs(const std::string& source, bool suspended);

  // Pull requests about which something waits to be said on the source's forge.
  void OutboxIs(const std::string& source, v1::Forge::Type forge, std::size_t depth);
  // A request to a forge has ended.
  void ForgeAnswered(v1::Forge::Type forge, const absl::StatusOr<HttpResponse>& answer);

  // All of it.
  std::string Text();

 private:
  struct Families;
  struct OfSource;

  OfSource* Find(const std::string& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  // Synchronises itself.
  const std::unique_ptr<Families> families_;
  Mutex mu_;
  std::map<std::string, std::unique_ptr<OfSource>> sources_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
