// SourceReconciler: keeps what each GitSource owns as its repository declares it.
//
//   poll, webhook --> read (own thread) --> valid? --> plan --> apply --> drift <-- events of
//   objects
//                                             | no      | refused           |
//                                             v         v                   v
//                                     last good stays  again by poll     correct, if the policy
//                                     says so
//
// Before anything is applied the source's pace is asked (pacing.h): suspensions, sources before it,
// windows. Nothing waits: a newer commit simply is what the next turn finds.
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
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "engine/loop/loop.h"
#include "reconciler/conditions.h"
#include "reconciler/git_metrics.h"
#include "reconciler/reads.h"
#include "reconciler/report/report_files.h"
#include "reconciler/review/desk.h"
#include "reconciler/source_state.h"

namespace espalier {

class SourceReconciler final : public Reconciler {
 public:
  // All borrowed.
  SourceReconciler(Clock& clock, Random& random, Log& log, Resources& resources, Reads& reads,
                   Forges& forges, ReportFiles& reports, ShownPlans& plans, GitMetrics& metrics);

  // The source shall be read soon, as if its poll were due: at most once per kLookInterval,
  // however often it is said. The caller adds the source to the loop. Thread-safe.
  void LookNow(const std::string& source);

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

 private:
  SourceState& StateOf(const Resource& source);
  // Starts anew where another reconciler has come further with the source than this one knows.
  void HeedOthers(const Resource& source, SourceState& state);
  void TakeHooks(const std::string& name, SourceState& state);
  void StartRead(const Resource& source, SourceState& state);
  void TakeRead(const Resource& source, SourceState& state);
  void SayOfCommit(const v1::GitSourceSpec& spec, const ReadResult& read, SourceState& state);
  void TakeSet(const Resource& source, const ReadResult& read, SourceState& state);
  void NotePush(const ReadResult& read, SourceState& state);
  absl::Duration NextRead(const v1::GitSourceSpec& spec, int failures);

  // A dry run, and how long it took.
  absl::StatusOr<ApplyResult> MakePlan(const std::string& source, ApplyRequest& request,
                                       const Turn& turn);

  absl::Status ApplyIfWanted(const Resource& source, SourceState& state, Turn& turn);
  absl::Status ApplyAgain(const Resource& source, SourceState& state, Turn& turn);
  // Applies what was planned so: TRUE, or what refuses it. `plan` becomes what the engine says it
  // was.
  absl::StatusOr<Verdict> Carry(const Resource& source, ApplyRequest request, Plan& plan,
                                SourceState& state, Turn& turn);
  void AskPace(const Resource& source, SourceState& state, Turn& turn);
  void SayApplied(const Resource& source, SourceState& state, const Snapshot& now);
  // `plan`: what is refused.
  void Refuse(const Resource& source, SourceState& state, const Verdict& verdict, const Plan& plan);
  void Wait(const Resource& source, SourceState& state);
  void SayWaiting(const Resource& source, SourceState& state);
  void MarkApplied(const std::string& source, SourceState& state, bool changed);

  absl::Status LookForDrift(const Resource& source, SourceState& state, Turn& turn);
  void Correct(const std::string& source, const std::vector<Ref>& drifted, SourceState& state);
  void LookAtHealth(const Resource& source, SourceState& state, const Snapshot& now);

  // ABORTED: somebody has changed the source since the turn began.
  absl::Status WriteStatus(const Resource& source, SourceState& state, Turn& turn);
  void Say(const char* condition, const Verdict& verdict, SourceState& state);
  Outcome Leave(const std::string& name, Turn& turn);
  void MarkDrift(SourceState& state);
  // The name of the source that may have work because of a change, and of those that wait for it.
  void AddSource(const std::string& source, const Snapshot& now, std::vector<Ref>& names) const;
  void NoteResumed(const Change& change, SourceState& state);

  // What the source's share in its pull requests needs to know.
  SourceNow NowOf(const Resource& source, const SourceState& state, const Snapshot& now) const;
  absl::Status Review(const Resource& source, SourceState& state, Turn& turn);

  Clock& clock_;
  Random& random_;
  Log& log_;
  Resources& resources_;
  Reads& reads_;
  Forges& forges_;
  ReportFiles& reports_;
  GitMetrics& metrics_;
  ReviewDesk desk_;

  std::map<std::string, SourceState> states_;

  Mutex mu_;
  // Sources that a webhook named.
  std::set<std::string> hooked_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
