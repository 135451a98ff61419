// SourceReconciler: keeps what each GitSource owns as its repository declares it.
//
//   poll, webhook --> pull (own thread) --> valid? --> plan --> apply --> drift <-- events of
//   objects
//                                             | no      | refused           |
//                                             v         v                   v
//                                     last good stays  again by poll     correct, if the policy
//                                     says so
//
// One name of the loop is one source. A turn takes what has become known, does the steps that are
// due, and writes the source's status if it changed. Belongs to the loop's thread but for LookNow.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "engine/loop/loop.h"
#include "reconciler/conditions.h"
#include "reconciler/pulls.h"
#include "reconciler/report/report_files.h"
#include "reconciler/source_state.h"

namespace espalier {

class SourceReconciler final : public Reconciler {
 public:
  // All borrowed.
  SourceReconciler(Clock& clock, Random& random, Log& log, Resources& resources, Pulls& pulls,
                   ReportFiles& reports);

  // The source shall be pulled soon, as if its poll were due: at most once per kLookInterval,
  // however often it is said. The caller adds the source to the loop. Thread-safe.
  void LookNow(const std::string& source);

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

 private:
  SourceState& StateOf(const Resource& source);
  void TakeHooks(const std::string& name, SourceState& state);
  void StartPull(const Resource& source, SourceState& state);
  void TakePulled(const Resource& source, SourceState& state);
  absl::Duration NextPull(const v1::GitSourceSpec& spec, int failures);

  absl::Status ApplyIfWanted(const Resource& source, SourceState& state, Turn& turn);
  absl::Status Carry(const Resource& source, SourceState& state, ApplyRequest request,
                     const Plan& plan, Turn& turn);
  void Refuse(const Resource& source, SourceState& state, const Verdict& verdict);
  void MarkApplied(SourceState& state);

  absl::Status LookForDrift(const Resource& source, SourceState& state, Turn& turn);
  void Correct(SourceState& state);

  absl::Status WriteStatus(const Resource& source, SourceState& state, Turn& turn);
  void Say(const char* condition, const Verdict& verdict, SourceState& state);
  Outcome Leave(const std::string& name, Turn& turn);
  void MarkDrift(SourceState& state);

  Clock& clock_;
  Random& random_;
  Log& log_;
  Resources& resources_;
  Pulls& pulls_;
  ReportFiles& reports_;

  std::map<std::string, SourceState> states_;

  Mutex mu_;
  // Sources that a webhook named.
  std::set<std::string> hooked_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
