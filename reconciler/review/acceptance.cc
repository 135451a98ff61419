#include "reconciler/review/acceptance.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/render/safe_text.h"
#include "reconciler/apply_set.h"
#include "reconciler/review/acceptance_text.h"

namespace espalier {
namespace {

// Commands of one source that wait for each other.
constexpr std::size_t kWaiting = 20;
// A branch that moves this often under our hands is somebody else's at the moment.
constexpr int kMoves = 3;
// A new commit is read within a second or two, unless nobody may follow it.
constexpr absl::Duration kFollowed = absl::Seconds(10);

}  // namespace

std::string AcceptanceBranch(const std::string& source) {
  return absl::StrCat("espalier/accept-drift-", source);
}

Acceptances::Acceptances(Clock& clock, Log& log, Resources& resources, Reads& reads, Forges& forges)
    : clock_(clock), log_(log), resources_(resources), reads_(reads), forges_(forges) {}

void Acceptances::Ask(const std::string& source, const GivenCommand& given,
                      const std::set<Ref>& objects) {
  State& state = states_[source];
  if (state.asked.size() >= kWaiting) {
    forges_.Reply(source, given, "Too many ask for that at once: ask again in a while.");
    return;
  }
  state.asked.push_back({given, objects});
}

bool Acceptances::WantsRead(const std::string& source) const {
  const auto found = states_.find(source);
  return found != states_.end() && !found->second.asked.empty() &&
         found->second.stage == Stage::kMoved;
}

absl::Status Acceptances::Work(const AcceptanceNow& now, const CallContext& call) {
  const std::string& name = now.source.metadata().name();
  const auto found = states_.find(name);
  if (found == states_.end()) return absl::OkStatus();
  State& state = found->second;
  if (state.stage == Stage::kPatching) {
    std::optional<PatchResult> result = reads_.TakePatch(name);
    if (result.has_value()) TakePatch(now, state, *std::move(result));
  }
  if (state.stage == Stage::kMoved && now.target != state.commit) state.stage = Stage::kAsked;
  if (state.stage == Stage::kMoved && clock_.Elapsed() >= state.give_up) {
    Answer(name, state,
           "The branch has moved to a commit that is not followed: ask again when it is.");
  }
  while (state.stage == Stage::kAsked && !state.asked.empty()) {
    ESPALIER_RETURN_IF_ERROR(Begin(now, call, state));
  }
  return absl::OkStatus();
}

absl::Status Acceptances::Begin(const AcceptanceNow& now, const CallContext& call, State& state) {
  const std::string& name = now.source.metadata().name();
  const bool settled = now.wanted != nullptr && !now.applied.empty() &&
                       now.wanted->commit == now.applied && now.applied == now.target;
  if (!settled) {
    Answer(name, state,
           absl::StrCat("The branch is at `", now.target.substr(0, 7),
                        "`, which is not applied: ask again when it is. What differs from it is "
                        "not drift."));
    return absl::OkStatus();
  }
  // Not the last report: what somebody changed a moment ago may not be in it yet.
  ESPALIER_ASSIGN_OR_RETURN(
      const DriftReport report,
      resources_.Drift(call, DriftRequestOf(name, now.source.git_source().spec(), now.wanted)));
  const Asked& asked = state.asked.front();
  state.choice = ChooseDrift(report, *now.wanted, asked.objects);
  if (state.choice.objects.empty()) {
    const std::string why = LeftOutText(state.choice.left_out);
    Answer(name, state,
           why.empty() ? "Nothing has drifted."
                       : absl::StrCat("There is nothing that the branch could declare.\n\n", why));
    return absl::OkStatus();
  }
  const absl::Status started = reads_.StartPatch(name, {.spec = now.source.git_source().spec(),
                                                        .commit = now.applied,
                                                        .files = EditsFor(state.choice.objects)});
  if (!started.ok()) {
    Answer(name, state, MarkdownText(started.message()));
    return absl::OkStatus();
  }
  state.commit = now.applied;
  state.stage = Stage::kPatching;
  return absl::OkStatus();
}

void Acceptances::TakePatch(const AcceptanceNow& now, State& state, PatchResult result) {
  const std::string& name = now.source.metadata().name();
  if (!result.read.ok()) {
    Answer(name, state,
           absl::StrCat("The branch cannot be read: ", MarkdownText(result.read.message())));
    return;
  }
  if (result.tip != state.commit) {
    if (++state.moves == kMoves) {
      Answer(name, state, "The branch moves all the time: ask again when it rests.");
      return;
    }
    state.stage = Stage::kMoved;
    state.give_up = clock_.Elapsed() + kFollowed;
    return;
  }
  AcceptedDrift accepted = AcceptedIn(state.choice, std::move(result));
  const std::string left_out = LeftOutText(accepted.left_out);
  if (accepted.files.empty()) {
    Answer(name, state,
           absl::StrCat("There is nothing that the branch could declare.\n\n", left_out));
    return;
  }
  state.summary = absl::StrCat("declares ", accepted.counts, " as they are live.\n");
  if (!left_out.empty()) absl::StrAppend(&state.summary, "\nLeft out:\n\n", left_out);
  state.stage = Stage::kProposing;
  forges_.Propose(name, ChangeOf(name, state.commit, state.asked.front().given, accepted));
}

void Acceptances::Take(const std::string& source, const absl::StatusOr<PullRequest>& proposed) {
  const auto found = states_.find(source);
  if (found == states_.end() || found->second.stage != Stage::kProposing) return;
  State& state = found->second;
  if (!proposed.ok()) {
    Answer(source, state,
           absl::StrCat("The forge refuses the pull request: ",
                        MarkdownText(proposed.status().message())));
    return;
  }
  log_.Info("drift proposed", {{telemetry::kSource, source},
                               {telemetry::kActor, state.asked.front().given.author},
                               {telemetry::kCommit, state.commit}});
  // The forge soon says the same; so its plan is there sooner.
  forges_.Look(source);
  Answer(
      source, state,
      absl::StrCat("[Pull request ", proposed->number, "](", proposed->url, ") ", state.summary));
}

void Acceptances::Answer(const std::string& source, State& state, const std::string& text) {
  forges_.Reply(source, state.asked.front().given, text);
  state.asked.pop_front();
  state.stage = Stage::kAsked;
  state.moves = 0;
  state.choice = {};
  state.summary.clear();
}

}  // namespace espalier
