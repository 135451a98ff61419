// ReviewDesk: what a source makes of its pull requests. It belongs to the loop over sources and has
// a share in each of a source's turns: takes what forges and reads have found out, has proposals
// read, plans them through the engine, carries out commands, and says what shall stand on the
// forge. It also knows what people saw before a merge, and holds what is applied to it.
//
//   forge --> open pull requests --> read, validate, plan --> surface --> forge
//   forge --> merged --> result, once the source has applied it --------> forge
//   forge --> commands --> rights --> engine --> answer ----------------> forge
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/loop/loop.h"
#include "engine/model/ref.h"
#include "reconciler/git_metrics.h"
#include "reconciler/pacing.h"
#include "reconciler/proposal.h"
#include "reconciler/reads.h"
#include "reconciler/report/shown_plans.h"
#include "reconciler/review/acceptance.h"
#include "reconciler/review/forges.h"
#include "reconciler/review/last_seen.h"
#include "reconciler/review/review_text.h"
#include "reconciler/source_set.h"

namespace espalier {

// What a turn of the source knows.
struct SourceNow {
  const Resource& source;
  // The commit of the tracked ref that was read last; empty before the first.
  const std::string& target;
  // The commit that is applied; may be empty.
  const std::string& applied;
  // What shall stand, and the last drift report. Null: not known yet.
  const LoadedSet* wanted = nullptr;
  std::shared_ptr<const DriftReport> drift;
  // Whether it may apply.
  const Pace& pace;
  // Drift is to be said in an issue.
  bool alert = false;
};

class ReviewDesk {
 public:
  // All borrowed.
  ReviewDesk(Clock& clock, Log& log, Resources& resources, Reads& reads, Forges& forges,
             ShownPlans& plans, GitMetrics& metrics);

  // Takes what the forge has said and carries out commands. True: what MayApply answers may be
  // another than before.
  bool Listen(const SourceNow& now, Turn& turn);
  // The rest of the source's turn. Errors are the engine's: the turn is to be repeated.
  absl::Status Work(const SourceNow& now, Turn& turn);
  // How talking to the source's forge goes; nothing while it has none or has not been asked.
  std::optional<absl::Status> Reported(const std::string& source) const;
  // Open pull requests that touch the source.
  std::size_t OpenCount(const std::string& source) const;

  // Whether `plan`, which applies `commit`, may be carried out now.
  struct Gate {
    enum class Answer {
      kGo,
      // The forge has yet to say which pull request brought the commit.
      kWait,
      // It destroys what nobody saw before the merge.
      kStop,
    };
    Answer answer = Answer::kGo;
    std::string reason;
  };
  Gate MayApply(const SourceNow& now, const std::string& commit, const Plan& plan);
  // What became of a commit: for the pull requests that brought it. `again`: it was applied before,
  // and what it did then is its result.
  void Applied(const std::string& source, const std::string& commit, const Plan& plan, bool again);
  void Stopped(const std::string& source, const std::string& reason, const Plan& plan);
  // Nothing is wrong with what is wanted: its time has not come.
  void Waits(const std::string& source, const std::string& reason);

  // The branch was found to have moved: it is to be read soon.
  bool WantsRead(const std::string& source) const { return acceptances_.WantsRead(source); }

  // The source is gone.
  void Forget(const std::string& source);

 private:
  // One open pull request.
  struct Review {
    SeenPullRequest seen;
    // The head that somebody who may write asked to plan, of one that is not planned by itself.
    std::string allowed_head;
    bool reading = false;
    // Of which head, target, generation and rights `findings` are; empty: to be looked at anew.
    std::string made_of;
    // The suspensions of objects that its plan heeds.
    std::string suspended_objects;
    ReviewFindings findings;
    Surface surface;
    // What the last plan came to that people could read.
    std::optional<ReadPlan> read_plan;

    // Whether its head is planned, not only validated.
    bool MayPlan() const;
  };
  // One that was merged and whose result is not final.
  struct Merge {
    PullRequest facts;
    ShownPlan shown;
    Surface surface;
  };
  // Far more than wait for their answer at any time.
  static constexpr std::size_t kCommandsKept = 1000;
  struct State {
    std::string uid;
    absl::Status reported;
    ForgeTraits traits;
    bool heard = false;
    // The target that pull requests are planned into, and the look after which it is known which of
    // them are still open: one that was just merged must not lose the plan that people saw.
    std::string target;
    std::int64_t awaited_look = 0;
    std::int64_t look = 0;
    std::map<std::int64_t, Review> open;
    // What suspends objects, as of the last turn.
    std::map<Ref, std::string> suspended;
    // The report that the open pull requests show their part of.
    std::shared_ptr<const DriftReport> drift;
    std::map<std::int64_t, Merge> merged;
    // By commit, what forges said who brought it, and who is asked.
    std::map<std::string, std::optional<EndedPullRequest>> brought;
    std::set<std::string> asked;
    // The commit that waited when we started, and the same once its pull request is asked for to be
    // told the result: nobody here knows of it any more.
    std::string waited;
    std::string untold;
    // Comments whose commands were carried out: each is told again until it is answered.
    LastSeen handled{kCommandsKept};
    // Commits whose result is on the disk, oldest first.
    std::vector<std::string> applied;
    // Why what is wanted is not applied: what it waits for, or what stops it. Empty: neither.
    std::string waiting_reason;
    std::string stopped_reason;
    Plan stopped_plan;
    // What git was asked about merges, and what it said last.
    HistoryRequest asked_history;
    HistoryResult history;
    Notice notice;
    bool notice_known = false;
  };

  void TakeOpen(const std::vector<SeenPullRequest>& open, State& state, const std::string& source);
  void TakeEnded(const std::vector<EndedPullRequest>& ended, State& state,
                 const std::string& source);
  absl::Status LookAt(const SourceNow& now, State& state, Review& review, Turn& turn);
  absl::Status TakeProposal(const SourceNow& now, State& state, Review& review, ProposalResult read,
                            Turn& turn);
  absl::Status PlanMerged(const SourceNow& now, Review& review, const ProposalResult& read,
                          Turn& turn);
  void CarryOut(const SourceNow& now, State& state, const GivenCommand& given, Turn& turn);
  // A comment that is changed tells nobody: what got worse is said in one of its own.
  void WarnIfWorse(const std::string& source, Review& review);
  void Show(const std::string& source, State& state, Review& review, const Turn& turn);
  // Has open pull requests say what drifted of what they touch, once there is another report.
  void ShowDrift(const SourceNow& now, State& state, const Turn& turn);
  void ShowMerged(const SourceNow& now, State& state, const Turn& turn);
  // The commit that brought the merge, of those that were or are to be applied; empty: none did, or
  // it is not known yet.
  std::string BroughtBy(const State& state, const Merge& merge) const;
  void TellResult(const std::string& source, const std::string& brought, const State& state,
                  MergeOutcome& outcome) const;
  // Asks git which commits brought the merges. Null: it has yet to say.
  const HistoryResult* HistoryOf(const SourceNow& now, State& state);
  void ShowNotice(const SourceNow& now, State& state);

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  Reads& reads_;
  Forges& forges_;
  ShownPlans& plans_;
  Acceptances acceptances_;
  GitMetrics& metrics_;
  std::map<std::string, State> states_;
};

}  // namespace espalier
