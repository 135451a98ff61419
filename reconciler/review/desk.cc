#include "reconciler/review/desk.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/load/place.h"
#include "engine/model/hold.h"
#include "engine/render/render.h"
#include "engine/render/words.h"
#include "reconciler/apply_set.h"
#include "reconciler/conditions.h"
#include "reconciler/forge/file_links.h"
#include "reconciler/review/command_call.h"

namespace espalier {
namespace {

// Proposals that are read for one source at a time: each may be as large as the source.
constexpr int kReadsAtOnce = 2;
// Commits whose pull request is remembered.
constexpr std::size_t kBroughtKept = 200;
// A dry run of a large set.
constexpr absl::Duration kPlanTimeout = absl::Minutes(2);

bool Contains(const std::vector<std::string>& commits, const std::string& commit) {
  return std::find(commits.begin(), commits.end(), commit) != commits.end();
}

CallContext PlanCall(const Turn& turn) {
  CallContext context = turn.context;
  context.timeout = kPlanTimeout;
  return context;
}

// Pull requests go into branches.
bool FollowsBranch(const v1::GitSourceSpec& spec) {
  return !spec.has_tags() && !spec.has_commit() &&
         (!absl::StartsWith(spec.ref(), "refs/") || absl::StartsWith(spec.ref(), "refs/heads/"));
}

const char* WordsOf(MergeConflict::Kind kind) {
  switch (kind) {
    case MergeConflict::Kind::kContent:
      return "both sides changed the same lines";
    case MergeConflict::Kind::kBothAdded:
      return "both sides added a file of this name";
    case MergeConflict::Kind::kDeletedInTarget:
      return "the target deleted what the pull request changes";
    case MergeConflict::Kind::kDeletedInHead:
      return "the pull request deletes what the target changed";
    case MergeConflict::Kind::kName:
      return "the name stands for different things";
  }
  return "";
}

std::string Lines(const LineRange& range) {
  if (range.count == 0) return absl::StrCat("before line ", range.first);
  if (range.count == 1) return absl::StrCat("line ", range.first);
  return absl::StrCat("lines ", range.first, "-", range.end() - 1);
}

// A conflict at each place, with the lines of both sides.
void AddProblems(const MergeConflict& conflict, std::vector<Problem>& problems) {
  Problem problem;
  problem.set_severity(Problem::ERROR);
  SetCode("merge_conflict", problem);
  problem.set_file(conflict.path);
  problem.set_message(WordsOf(conflict.kind));
  if (conflict.lines.empty()) problems.push_back(problem);
  for (const LineCollision& lines : conflict.lines) {
    problem.set_line(lines.theirs.first);
    problem.set_message(absl::StrCat(WordsOf(conflict.kind), ": ", Lines(lines.ours),
                                     " of the target, ", Lines(lines.theirs),
                                     " of the pull request"));
    problems.push_back(problem);
  }
}

// Positions in the merge result as positions in the head, where people see them.
void MoveToHead(const ProposalResult& read, Problem& problem) {
  const ProposedFile* file = read.FindFile(problem.file());
  if (file == nullptr || problem.line() == 0) return;
  problem.set_line(file->HeadLine(problem.line()));
}

// What the pull request declares stands in its head; everything else where it was: in the target.
std::string LinkOf(const ProposalResult& read, const PullRequest& pull_request,
                   const v1::Action& action) {
  Problem place;
  SetPlace(action.source(), place);
  const ProposedFile* file = read.FindFile(place.file());
  if (file == nullptr || action.verb() == v1::Action::DELETE) {
    return FileUrl(pull_request, read.target_commit, place.file(), place.line());
  }
  return FileUrl(pull_request, read.head_commit, place.file(), file->HeadLine(place.line()));
}

// What the plans in pull requests destroy.
class Shown {
 public:
  void Add(const ShownPlan& plan) {
    any_ = true;
    destroys_.insert(plan.destroys.begin(), plan.destroys.end());
  }
  bool any() const { return any_; }
  // Those that none of them destroys.
  std::vector<std::string> Lacks(const std::vector<std::string>& destroys) const {
    std::vector<std::string> unseen;
    std::copy_if(destroys.begin(), destroys.end(), std::back_inserter(unseen),
                 [this](const std::string& object) { return !destroys_.contains(object); });
    return unseen;
  }

 private:
  bool any_ = false;
  std::set<std::string> destroys_;
};

bool Touches(const Plan& plan, const v1::Ref& ref) {
  return std::any_of(plan.actions().begin(), plan.actions().end(), [&](const v1::Action& action) {
    return action.verb() != v1::Action::NOOP && action.ref().kind() == ref.kind() &&
           action.ref().namespace_() == ref.namespace_() && action.ref().name() == ref.name();
  });
}

// The rows of a report about each object.
using RowsOf = std::map<Ref, std::vector<int>>;

RowsOf RowsByObject(const DriftReport& drift) {
  RowsOf rows;
  for (int i = 0; i < drift.rows_size(); ++i) {
    if (const absl::StatusOr<Ref> ref = FromProto(drift.rows(i).ref()); ref.ok()) {
      rows[*ref].push_back(i);
    }
  }
  return rows;
}

// What drifted of what the plan touches.
DriftReport DriftIn(const Plan& plan, const DriftReport& drift, const RowsOf& rows) {
  std::set<int> touched;
  for (const v1::Action& action : plan.actions()) {
    if (rows.empty()) break;
    if (action.verb() == v1::Action::NOOP) continue;
    const absl::StatusOr<Ref> ref = FromProto(action.ref());
    const auto found = ref.ok() ? rows.find(*ref) : rows.end();
    if (found != rows.end()) touched.insert(found->second.begin(), found->second.end());
  }
  DriftReport part;
  for (const int row : touched) *part.add_rows() = drift.rows(row);
  part.set_managed(drift.managed());
  part.set_total(drift.total());
  return part;
}

bool HaveSameRows(const DriftReport& one, const DriftReport& other) {
  return std::equal(one.rows().begin(), one.rows().end(), other.rows().begin(), other.rows().end(),
                    [](const v1::DriftRow& left, const v1::DriftRow& right) {
                      return left.SerializeAsString() == right.SerializeAsString();
                    });
}

// Why nothing of the source is applied whatever is merged; empty if nothing stands against it.
std::string Suspension(const Resource& source, const Snapshot& now, absl::Time at) {
  return SuspensionOf(source, [&](const Ref& ref) { return now.Find(ref); }, at);
}

// What suspends objects, by object.
std::map<Ref, std::string> SuspendedObjects(const Snapshot& now, absl::Time at) {
  std::map<Ref, std::string> suspended;
  for (const Resource& object : now.All()) {
    const v1::Hold* hold = StandingHold(object.metadata(), kSuspendHold, at);
    if (hold != nullptr) suspended[RefOf(object)] = SuspendedText(*hold);
  }
  return suspended;
}

// What of that the plan is about: another plan is to be made when it changes.
std::string SuspendedIn(const Plan& plan, const std::map<Ref, std::string>& suspended) {
  std::string all;
  if (suspended.empty()) return all;
  for (const v1::Action& action : plan.actions()) {
    const absl::StatusOr<Ref> ref = FromProto(action.ref());
    if (!ref.ok()) continue;
    const auto found = suspended.find(*ref);
    if (found != suspended.end()) absl::StrAppend(&all, ToString(*ref), " ", found->second, "\n");
  }
  return all;
}

}  // namespace

ReviewDesk::ReviewDesk(Clock& clock, Log& log, Resources& resources, Reads& reads, Forges& forges,
                       ShownPlans& plans, GitMetrics& metrics)
    : clock_(clock),
      log_(log),
      resources_(resources),
      reads_(reads),
      forges_(forges),
      plans_(plans),
      acceptances_(clock, log, resources, reads, forges),
      metrics_(metrics) {}

bool ReviewDesk::Listen(const SourceNow& now, Turn& turn) {
  const std::string& name = now.source.metadata().name();
  const v1::GitSourceSpec& spec = now.source.git_source().spec();
  if (!spec.has_forge() || !FollowsBranch(spec)) {
    if (states_.contains(name)) Forget(name);
    return false;
  }
  State& state = states_[name];
  if (state.uid != now.source.metadata().uid()) {
    state = State();
    state.uid = now.source.metadata().uid();
    acceptances_.Forget(name);
    state.applied = plans_.Applied(name);
    if (now.target != now.applied) state.waited = now.target;
    forges_.Follow(name);
    forges_.Look(name);
  }
  bool answered = false;
  if (std::optional<HistoryResult> history = reads_.TakeHistory(name)) {
    state.history = *std::move(history);
    answered = true;
  }
  std::optional<ForgeNews> news = forges_.Take(name);
  if (!news.has_value()) return answered;
  state.reported = news->status;
  state.traits = news->traits;
  state.heard = true;
  if (news->open.has_value()) {
    TakeOpen(*news->open, state, name);
    state.look = news->look;
    // Ended and opened again before anybody took the news of either.
    std::erase_if(news->ended, [&](const EndedPullRequest& ended) {
      return state.open.contains(ended.facts.number);
    });
  }
  TakeEnded(news->ended, state, name);
  if (news->forgot && !state.waited.empty()) {
    // Where it was merged, something may still say that it waits.
    state.untold = state.waited;
    if (state.asked.insert(state.untold).second) forges_.AskWhoBrought(name, state.untold);
  }
  if (state.brought.size() > kBroughtKept) state.brought.clear();
  for (auto& [commit, brought] : news->brought) {
    state.asked.erase(commit);
    if (commit == state.untold) {
      state.untold.clear();
      if (brought.has_value() && !state.merged.contains(brought->facts.number)) {
        TakeEnded({*brought}, state, name);
      }
    }
    state.brought[commit] = std::move(brought);
  }
  if (news->proposed.has_value()) acceptances_.Take(name, *news->proposed);
  for (const GivenCommand& given : news->commands) {
    if (state.handled.Add(given.comment_id)) CarryOut(now, state, given, turn);
  }
  return answered || !news->ended.empty() || !news->brought.empty() || !news->commands.empty();
}

absl::Status ReviewDesk::Work(const SourceNow& now, Turn& turn) {
  const auto found = states_.find(now.source.metadata().name());
  if (found == states_.end()) return absl::OkStatus();
  State& state = found->second;
  if (state.target != now.target) {
    state.target = now.target;
    state.awaited_look = forges_.Look(now.source.metadata().name());
  }
  if (!state.open.empty()) state.suspended = SuspendedObjects(turn.now, clock_.Now());
  for (auto& [number, review] : state.open) {
    ESPALIER_RETURN_IF_ERROR(LookAt(now, state, review, turn));
  }
  ShowDrift(now, state, turn);
  ShowMerged(now, state, turn);
  ShowNotice(now, state);
  return acceptances_.Work(
      {.source = now.source, .target = now.target, .applied = now.applied, .wanted = now.wanted},
      PlanCall(turn));
}

std::optional<absl::Status> ReviewDesk::Reported(const std::string& source) const {
  const auto found = states_.find(source);
  if (found == states_.end() || !found->second.heard) return std::nullopt;
  return found->second.reported;
}

std::size_t ReviewDesk::OpenCount(const std::string& source) const {
  const auto found = states_.find(source);
  if (found == states_.end()) return 0;
  return std::count_if(found->second.open.begin(), found->second.open.end(), [](const auto& entry) {
    return entry.second.findings.stage != ReviewStage::kUnrelated;
  });
}

void ReviewDesk::Forget(const std::string& source) {
  states_.erase(source);
  plans_.ForgetApplied(source);
  acceptances_.Forget(source);
  forges_.Leave(source);
}

// What forges say.

void ReviewDesk::TakeOpen(const std::vector<SeenPullRequest>& open, State& state,
                          const std::string& source) {
  std::map<std::int64_t, Review> next;
  for (const SeenPullRequest& seen : open) {
    auto known = state.open.extract(seen.facts.number);
    Review& review = next[seen.facts.number];
    if (!known.empty()) review = std::move(known.mapped());
    review.seen = seen;
  }
  // The rest is not open any more; what became of it is news of its own.
  for (const auto& [number, review] : state.open) reads_.DropProposal(source, number);
  state.open = std::move(next);
}

void ReviewDesk::TakeEnded(const std::vector<EndedPullRequest>& ended, State& state,
                           const std::string& source) {
  for (const EndedPullRequest& one : ended) {
    if (one.facts.state == PullRequest::State::kMerged) {
      Merge& merge = state.merged[one.facts.number];
      merge.facts = one.facts;
      merge.shown = one.shown;
    } else {
      forges_.Post(source, SurfaceOfClosed(source, one.facts));
    }
  }
}

// Open pull requests.

bool ReviewDesk::Review::MayPlan() const {
  const bool planned_by_itself = !seen.facts.from_fork && seen.author_role >= ForgeRole::kWrite;
  return planned_by_itself || allowed_head == seen.facts.head_sha;
}

absl::Status ReviewDesk::LookAt(const SourceNow& now, State& state, Review& review, Turn& turn) {
  const std::string& name = now.source.metadata().name();
  const std::int64_t number = review.seen.facts.number;
  if (review.reading) {
    std::optional<ProposalResult> read = reads_.TakeProposal(name, number);
    if (!read.has_value()) return absl::OkStatus();
    review.reading = false;
    return TakeProposal(now, state, review, *std::move(read), turn);
  }
  const PullRequest& facts = review.seen.facts;
  if (review.findings.pull_request.head_sha != facts.head_sha) {
    // A status at once: a commit that has none looks as if nobody cared.
    review.findings = {.source = name, .pull_request = facts};
    Show(name, state, review, turn);
  }
  if (now.target.empty() || state.look < state.awaited_look) return absl::OkStatus();
  const bool may_plan = review.MayPlan();
  std::string made_of = absl::StrCat(
      facts.head_sha, " into ", now.target, " by ", now.source.metadata().generation(),
      may_plan ? " planned" : " validated", " ", Suspension(now.source, turn.now, clock_.Now()));
  if (review.made_of == made_of &&
      review.suspended_objects == SuspendedIn(review.findings.plan, state.suspended)) {
    return absl::OkStatus();
  }
  const auto reading = std::count_if(state.open.begin(), state.open.end(),
                                     [](const auto& entry) { return entry.second.reading; });
  if (reading >= kReadsAtOnce) return absl::OkStatus();
  const absl::Status started = reads_.StartProposal(
      name, {.spec = now.source.git_source().spec(),
             .number = number,
             .head_ref = absl::StrCat(state.traits.head_ref_prefix, number, "/head"),
             .target_commit = now.target});
  // The source itself is read again soon, and this with it.
  if (!started.ok()) return absl::OkStatus();
  review.reading = true;
  review.made_of = std::move(made_of);
  return absl::OkStatus();
}

absl::Status ReviewDesk::TakeProposal(const SourceNow& now, State& state, Review& review,
                                      ProposalResult read, Turn& turn) {
  const std::string& name = now.source.metadata().name();
  ReviewFindings& findings = review.findings;
  if (read.fetched.ok() && read.head_commit != review.seen.facts.head_sha) {
    // Git was faster than the forge: this is about the newer head, and the rights to it are asked
    // for with it.
    review.seen.facts.head_sha = read.head_commit;
    review.made_of.clear();
    forges_.Look(name);
    return absl::OkStatus();
  }
  findings = {.source = name, .pull_request = review.seen.facts};
  findings.suspended = Suspension(now.source, turn.now, clock_.Now());
  if (!read.fetched.ok()) {
    findings.stage = ReviewStage::kUnread;
    findings.failure = std::string(read.fetched.message());
    Show(name, state, review, turn);
    return absl::OkStatus();
  }
  if (read.files.empty()) {
    findings.stage = ReviewStage::kUnrelated;
    Show(name, state, review, turn);
    return absl::OkStatus();
  }
  for (const MergeConflict& conflict : read.conflicts) AddProblems(conflict, findings.problems);
  const bool may_plan = review.MayPlan();
  findings.stage = may_plan ? ReviewStage::kPlanned : ReviewStage::kValidated;
  if (read.merged != nullptr) {
    metrics_.Parsed(name, *read.merged);
    const std::vector<Problem>& list = read.merged->problems.list();
    findings.problems.insert(findings.problems.end(), list.begin(), list.end());
    findings.objects = read.merged->declared.size();
    findings.files = read.merged->files;
    if (may_plan && read.merged->valid()) {
      if (absl::Status planned = PlanMerged(now, review, read, turn); !planned.ok()) {
        review.made_of.clear();
        return planned;
      }
    }
  }
  for (Problem& problem : findings.problems) MoveToHead(read, problem);
  review.suspended_objects = SuspendedIn(findings.plan, state.suspended);
  WarnIfWorse(name, review);
  // The set is large and has served.
  read.merged.reset();
  const auto places = std::make_shared<const ProposalResult>(std::move(read));
  findings.link = [places, pull_request = findings.pull_request](const v1::Action& action) {
    return LinkOf(*places, pull_request, action);
  };
  findings.in_diff = [places](const std::string& path, int line) {
    const ProposedFile* file = places->FindFile(path);
    return file != nullptr && file->change.lines.IsInDiff(line);
  };
  Show(name, state, review, turn);
  return absl::OkStatus();
}

absl::Status ReviewDesk::PlanMerged(const SourceNow& now, Review& review,
                                    const ProposalResult& read, Turn& turn) {
  const std::string& name = now.source.metadata().name();
  ReviewFindings& findings = review.findings;
  ApplyRequest request = ApplyRequestOf(name, now.source.git_source().spec(), *read.merged);
  request.set_dry_run(true);
  const absl::Duration began = clock_.Elapsed();
  absl::StatusOr<ApplyResult> planned = resources_.Apply(PlanCall(turn), request);
  if (!planned.ok()) return Annotate(planned.status(), "planning a pull request");
  metrics_.PlanTook(name, clock_.Elapsed() - began);
  // Of a thousand open pull requests nobody wants a thousand times the whole source.
  KeepShownActions(*planned->mutable_plan());
  for (const v1::Problem& problem : planned->problems()) {
    const bool is_known = problem.severity() == v1::Problem::NOTE && problem.has_ref() &&
                          !Touches(planned->plan(), problem.ref());
    if (!is_known) findings.problems.push_back(problem);
  }
  const v1::Forge& forge = now.source.git_source().spec().forge();
  if (forge.has_report_url()) {
    plans_.Put(name, *planned);
    findings.plan_url = absl::StrCat(absl::StripSuffix(forge.report_url(), "/"), "/plans/", name,
                                     "/", planned->plan().digest());
  }
  findings.plan = std::move(*planned->mutable_plan());
  if (now.drift != nullptr) {
    findings.drift = DriftIn(findings.plan, *now.drift, RowsByObject(*now.drift));
  }
  log_.Info("pull request planned",
            {{telemetry::kSource, name}, {telemetry::kCommit, read.head_commit}});
  return absl::OkStatus();
}

void ReviewDesk::WarnIfWorse(const std::string& source, Review& review) {
  const ReviewFindings& findings = review.findings;
  const bool planned = findings.stage == ReviewStage::kPlanned;
  if (!planned) return;
  const ReadPlan now = {.refused = HasErrors(findings.problems),
                        .destroys = DestroyedBy(findings.plan)};
  if (review.read_plan.has_value()) {
    const std::string text = WorseningText(findings, *review.read_plan, now);
    if (!text.empty()) {
      forges_.Reply(source,
                    {.number = findings.pull_request.number,
                     .comment_id = absl::StrCat("worse-", findings.pull_request.head_sha, "-",
                                                findings.plan.digest())},
                    text);
    }
  }
  review.read_plan = now;
}

void ReviewDesk::Show(const std::string& source, State& state, Review& review, const Turn& turn) {
  review.findings.revision =
      std::max(turn.now.revision(), static_cast<std::int64_t>(review.findings.plan.revision()));
  Surface surface = SurfaceOf(review.findings, state.traits);
  if (surface.commit == review.surface.commit && surface.SaysTheSameAs(review.surface)) return;
  review.surface = std::move(surface);
  forges_.Post(source, review.surface);
}

// A plan is made when the pull request or its branch moves; drift comes and goes without either.
void ReviewDesk::ShowDrift(const SourceNow& now, State& state, const Turn& turn) {
  if (now.drift == nullptr || now.drift == state.drift) return;
  state.drift = now.drift;
  const std::string& name = now.source.metadata().name();
  const RowsOf rows = RowsByObject(*now.drift);
  for (auto& [number, review] : state.open) {
    if (review.findings.stage != ReviewStage::kPlanned) continue;
    DriftReport part = DriftIn(review.findings.plan, *now.drift, rows);
    // How much of the fleet is managed at all is no news about the pull request.
    if (HaveSameRows(part, review.findings.drift)) continue;
    review.findings.drift = std::move(part);
    Show(name, state, review, turn);
  }
}

// Merged pull requests.

ReviewDesk::Gate ReviewDesk::MayApply(const SourceNow& now, const std::string& commit,
                                      const Plan& plan) {
  const std::string& name = now.source.metadata().name();
  const auto found = states_.find(name);
  const std::vector<std::string> destroys = DestroyedBy(plan);
  // What is applied again heals drift; what destroys nothing may always go.
  if (found == states_.end() || commit == now.applied || destroys.empty()) return {};
  const v1::Hold* confirmed = StandingHold(now.source.metadata(), kConfirmHold, clock_.Now());
  if (confirmed != nullptr && confirmed->why() == plan.digest()) return {};
  State& state = found->second;
  Shown shown;
  bool others = false;
  for (const auto& [number, merge] : state.merged) {
    if (merge.facts.merge_sha == commit) {
      shown.Add(merge.shown);
    } else {
      others = true;
    }
  }
  if (others && !shown.Lacks(destroys).empty()) {
    // What was shown for a merge counts for commits that contain it, and for no others.
    const HistoryResult* history = HistoryOf(now, state);
    if (history == nullptr) {
      return {.answer = Gate::Answer::kWait,
              .reason = "git has yet to say which merges the commit contains"};
    }
    for (const auto& [number, merge] : state.merged) {
      if (history->contained.contains(merge.facts.merge_sha)) shown.Add(merge.shown);
    }
  }
  if (!shown.any()) {
    const auto brought = state.brought.find(commit);
    if (brought == state.brought.end()) {
      if (state.asked.insert(commit).second) forges_.AskWhoBrought(name, commit);
      return {.answer = Gate::Answer::kWait,
              .reason = "the forge has yet to say which pull request brought the commit"};
    }
    // Pushed to the branch: nobody was shown anything, the budget is what protects.
    if (!brought->second.has_value()) return {};
    shown.Add(brought->second->shown);
  }
  const std::vector<std::string> unseen = shown.Lacks(destroys);
  if (unseen.empty()) return {};
  return {.answer = Gate::Answer::kStop,
          .reason = absl::StrCat("it destroys what the plan before the merge did not: ",
                                 absl::StrJoin(unseen, ", "))};
}

void ReviewDesk::Applied(const std::string& source, const std::string& commit, const Plan& plan,
                         bool again) {
  const auto found = states_.find(source);
  if (found == states_.end()) return;
  State& state = found->second;
  state.waiting_reason.clear();
  state.stopped_reason.clear();
  if (again || Contains(state.applied, commit)) return;
  Plan kept = plan;
  KeepShownActions(kept);
  plans_.PutApplied(source, commit, kept);
  state.applied = plans_.Applied(source);
}

void ReviewDesk::Stopped(const std::string& source, const std::string& reason, const Plan& plan) {
  const auto found = states_.find(source);
  if (found == states_.end()) return;
  found->second.waiting_reason.clear();
  found->second.stopped_reason = reason;
  found->second.stopped_plan = plan;
  KeepShownActions(found->second.stopped_plan);
}

void ReviewDesk::Waits(const std::string& source, const std::string& reason) {
  const auto found = states_.find(source);
  if (found == states_.end()) return;
  found->second.waiting_reason = reason;
  // The plan stays: it may be confirmed before its time.
  found->second.stopped_reason.clear();
}

const HistoryResult* ReviewDesk::HistoryOf(const SourceNow& now, State& state) {
  HistoryRequest request;
  request.tips = state.applied;
  if (!now.applied.empty() && !Contains(request.tips, now.applied)) {
    request.tips.push_back(now.applied);
  }
  if (now.wanted != nullptr) {
    std::erase(request.tips, now.wanted->commit);
    request.tips.push_back(now.wanted->commit);
  }
  for (const auto& [number, merge] : state.merged) request.asked.push_back(merge.facts.merge_sha);
  if (state.history.request == request) return &state.history;
  if (state.asked_history != request &&
      reads_.StartHistory(now.source.metadata().name(), request).ok()) {
    state.asked_history = std::move(request);
  }
  return nullptr;
}

std::string ReviewDesk::BroughtBy(const State& state, const Merge& merge) const {
  if (Contains(state.applied, merge.facts.merge_sha)) return merge.facts.merge_sha;
  const auto found = state.history.brought.find(merge.facts.merge_sha);
  return found == state.history.brought.end() ? "" : found->second;
}

void ReviewDesk::TellResult(const std::string& source, const std::string& brought,
                            const State& state, MergeOutcome& outcome) const {
  outcome.stage = MergeOutcome::Stage::kApplied;
  outcome.applied_commit = brought;
  // Before the oldest that is known there may have been others.
  const bool may_be_older = !state.applied.empty() && brought == state.applied.front() &&
                            brought != outcome.pull_request.merge_sha;
  absl::StatusOr<Plan> plan = absl::NotFoundError("");
  if (!may_be_older) plan = plans_.ReadApplied(source, brought);
  outcome.plan_known = plan.ok();
  if (plan.ok()) outcome.plan = *std::move(plan);
}

void ReviewDesk::ShowMerged(const SourceNow& now, State& state, const Turn& turn) {
  const std::string& name = now.source.metadata().name();
  const auto is_told = [&](const auto& entry) {
    return Contains(state.applied, entry.second.facts.merge_sha);
  };
  if (!std::all_of(state.merged.begin(), state.merged.end(), is_told)) {
    (void)HistoryOf(now, state);
  }
  for (auto it = state.merged.begin(); it != state.merged.end();) {
    Merge& merge = it->second;
    MergeOutcome outcome;
    outcome.source = name;
    outcome.pull_request = merge.facts;
    outcome.shown = merge.shown;
    const std::string brought = BroughtBy(state, merge);
    if (!brought.empty() && (brought == now.applied || Contains(state.applied, brought))) {
      TellResult(name, brought, state, outcome);
    } else if (!state.stopped_reason.empty()) {
      outcome.stage = MergeOutcome::Stage::kStopped;
      outcome.reason = state.stopped_reason;
      outcome.plan = state.stopped_plan;
    } else {
      outcome.reason =
          state.waiting_reason.empty() ? "waiting to be applied" : state.waiting_reason;
    }
    outcome.revision = turn.now.revision();
    Surface surface = SurfaceOf(outcome, state.traits);
    if (!surface.SaysTheSameAs(merge.surface)) {
      merge.surface = surface;
      forges_.Post(name, surface);
    }
    if (surface.final) {
      it = state.merged.erase(it);
    } else {
      ++it;
    }
  }
}

void ReviewDesk::ShowNotice(const SourceNow& now, State& state) {
  if (now.drift == nullptr || !state.heard) return;
  const std::string& name = now.source.metadata().name();
  Notice notice;
  const bool drifted = std::any_of(now.drift->rows().begin(), now.drift->rows().end(), &IsDrift);
  if (now.alert && drifted) {
    notice.title = absl::StrCat("Drift of ", name);
    notice.body = DriftIssueBody(name, *now.drift);
  }
  if (state.notice_known && state.notice == notice) return;
  state.notice = notice;
  state.notice_known = true;
  forges_.PostNotice(name, notice);
}

// Commands.

void ReviewDesk::CarryOut(const SourceNow& now, State& state, const GivenCommand& given,
                          Turn& turn) {
  const std::string& name = now.source.metadata().name();
  CommandContext context = {.given = given,
                            .source = now.source,
                            .target = now.target,
                            .wanted = now.wanted,
                            .pace = now.pace};
  const auto review = given.on_issue ? state.open.end() : state.open.find(given.number);
  if (review != state.open.end()) {
    context.head = review->second.seen.facts.head_sha;
    context.digests.push_back(review->second.findings.plan.digest());
  }
  context.digests.push_back(state.stopped_plan.digest());
  CommandAnswer answer = CarryOutCommand(resources_, PlanCall(turn), context);
  if (review != state.open.end()) {
    if (answer.plan_head) review->second.allowed_head = context.head;
    if (answer.plan_again) review->second.made_of.clear();
  }
  log_.Info("command carried out", {{telemetry::kSource, name}, {telemetry::kActor, given.author}});
  if (answer.accept.has_value()) return acceptances_.Ask(name, given, *answer.accept);
  forges_.Reply(name, given, answer.text);
}

}  // namespace espalier
