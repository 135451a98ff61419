#include "reconciler/reconcile.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/model/hold.h"
#include "engine/model/policy.h"
#include "engine/model/timestamp.h"
#include "reconciler/apply_set.h"
#include "reconciler/health.h"

namespace espalier {
namespace {

// Events come in bursts; one look some moments after the first serves them all, and stays well
// below the five seconds within which drift shall be seen.
constexpr absl::Duration kDriftDelay = absl::Seconds(1);
// A storm of webhooks is one fetch.
constexpr absl::Duration kLookInterval = absl::Seconds(1);
constexpr absl::Duration kLongestBackOff = absl::Minutes(10);
// Sets are large; the engine answers small ones in milliseconds.
constexpr absl::Duration kApplyTimeout = absl::Minutes(2);
// More corrections of one object than this in a minute are a fight with somebody who means it.
constexpr std::size_t kCorrectionsPerMinute = 5;
// Controllers need a moment to say what a new spec means: their status is about the old one before.
constexpr absl::Duration kHealthDelay = absl::Seconds(2);
// Doublings of the poll between plans of what has to wait.
constexpr int kWaitingPolls = 3;
// What waits for a time of day asks again this often at least: the wall clock may be set.
constexpr absl::Duration kLongestWait = absl::Minutes(1);

const v1::GitSourceSpec& SpecOfSource(const Resource& source) { return source.git_source().spec(); }

bool IsOwnedBy(const Resource& resource, const std::string& source) {
  const Owner& owner = resource.metadata().owner();
  return owner.manager() == Owner::GIT && owner.instance() == source;
}

Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }

bool HasHold(const ResourcePtr& object, const char* hold) {
  return object != nullptr && object->metadata().holds().contains(hold);
}

v1::DriftPolicy::Mode PolicyOf(const Resource& source, const Snapshot& now) {
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  if (spec.has_drift_policy()) return spec.drift_policy();
  const Resource* cluster = now.Find({Kind::kCluster, "", "default"});
  return cluster != nullptr ? cluster->cluster().spec().drift_policy() : v1::DriftPolicy::REPORT;
}

// When the first hold on a foreign edit of the source's objects ends; the future if there is none.
absl::Time FirstHoldEnd(const Snapshot& now, const std::string& source, absl::Time after) {
  absl::Time first = absl::InfiniteFuture();
  for (const Resource& resource : now.All()) {
    if (!IsOwnedBy(resource, source) || !resource.metadata().edited().has_hold_until()) continue;
    const absl::Time end = TimeOf(resource.metadata().edited().hold_until());
    if (end > after) first = std::min(first, end);
  }
  return first;
}

Verdict NotReviewed(const ReviewDesk::Gate& gate) {
  const bool waits = gate.answer == ReviewDesk::Gate::Answer::kWait;
  return {.state = v1::Condition::FALSE,
          .reason = waits ? "WaitingForForge" : "NotReviewed",
          .message = gate.reason};
}

// What somebody has confirmed for the source; empty if nothing.
std::string ConfirmedIn(const Resource& source, absl::Time now) {
  const v1::Hold* hold = StandingHold(source.metadata(), kConfirmHold, now);
  return hold == nullptr ? "" : hold->why();
}

CallContext LongCall(const Turn& turn) {
  CallContext context = turn.context;
  context.timeout = kApplyTimeout;
  return context;
}

}  // namespace

SourceReconciler::SourceReconciler(Clock& clock, Random& random, Log& log, Resources& resources,
                                   Reads& reads, Forges& forges, ReportFiles& reports,
                                   ShownPlans& plans, GitMetrics& metrics)
    : clock_(clock),
      random_(random),
      log_(log),
      resources_(resources),
      reads_(reads),
      forges_(forges),
      reports_(reports),
      metrics_(metrics),
      desk_(clock, log, resources, reads, forges, plans, metrics) {}

void SourceReconciler::LookNow(const std::string& source) {
  MutexLock lock(mu_);
  hooked_.insert(source);
}

void SourceReconciler::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  const Resource& resource = change.any();
  if (resource.has_git_source()) {
    AddSource(resource.metadata().name(), now, names);
    const auto found = states_.find(resource.metadata().name());
    if (found != states_.end() && HasHold(change.after, kConfirmHold)) {
      // What was refused may have been agreed to.
      if (!HasHold(change.before, kConfirmHold))
        found->second.apply_after = -absl::InfiniteDuration();
    }
    return;
  }
  if (resource.metadata().owner().manager() == Owner::GIT) {
    const std::string& source = resource.metadata().owner().instance();
    names.push_back(SourceRef(source));
    if (const auto found = states_.find(source); found != states_.end()) {
      MarkDrift(found->second);
      NoteResumed(change, found->second);
    }
    return;
  }
  // A host, a pool's member, something made by hand: it may stand in anybody's report. The
  // Cluster's settings may allow what was refused.
  for (auto& [source, state] : states_) {
    if (resource.has_cluster()) state.apply_after = -absl::InfiniteDuration();
    MarkDrift(state);
    names.push_back(SourceRef(source));
  }
}

void SourceReconciler::AddSource(const std::string& source, const Snapshot& now,
                                 std::vector<Ref>& names) const {
  names.push_back(SourceRef(source));
  for (const Resource& other : now.Of(Kind::kGitSource)) {
    const auto& after = SpecOfSource(other).after();
    if (std::find(after.begin(), after.end(), source) != after.end()) names.push_back(RefOf(other));
  }
}

// What was left out while an object was suspended is due once it is not: what is still declared is
// applied, what is not is pruned by the whole set.
void SourceReconciler::NoteResumed(const Change& change, SourceState& state) {
  if (!HasHold(change.before, kSuspendHold) || HasHold(change.after, kSuspendHold) ||
      state.applied == nullptr) {
    return;
  }
  const Ref ref = RefOf(change.any());
  const auto is_it = [&](const LoadedObject& declared) {
    return RefOf(declared->resource()) == ref;
  };
  const auto& declared = state.applied->declared;
  if (std::any_of(declared.begin(), declared.end(), is_it)) {
    state.apply_again.insert(ref);
  } else {
    state.apply_wanted = state.wanted != nullptr;
    state.apply_after = -absl::InfiniteDuration();
  }
}

void SourceReconciler::MarkDrift(SourceState& state) {
  state.drift_due = std::min(state.drift_due, clock_.Elapsed() + kDriftDelay);
  state.health_due = std::min(state.health_due, clock_.Elapsed() + kDriftDelay);
}

Outcome SourceReconciler::Reconcile(const Ref& name, Turn& turn) {
  const Resource* source = turn.now.Find(name);
  if (source == nullptr) return Leave(name.name, turn);
  SourceState& state = StateOf(*source);
  TakeHooks(name.name, state);
  TakeRead(*source, state);
  StartRead(*source, state);
  AskPace(*source, state, turn);
  // Who brought a commit may be what its apply waits for.
  if (desk_.Listen(NowOf(*source, state, turn.now), turn)) {
    state.apply_after = -absl::InfiniteDuration();
  }
  // A failure of one step must not hide what the steps before it found out.
  absl::Status status = ApplyIfWanted(*source, state, turn);
  if (status.ok()) status = LookForDrift(*source, state, turn);
  if (status.ok()) status = ApplyAgain(*source, state, turn);
  LookAtHealth(*source, state, turn.now);
  const absl::Status reviewed = Review(*source, state, turn);
  if (status.ok()) status = reviewed;
  const absl::Status written = WriteStatus(*source, state, turn);
  if (!status.ok()) return Retry{status};
  if (!written.ok()) return Retry{written};

  absl::Duration next =
      std::min(state.drift_due, state.reading ? absl::InfiniteDuration() : state.next_read);
  next = std::min(next, state.health_due);
  if (state.apply_wanted && state.wanted != nullptr) next = std::min(next, state.apply_after);
  next = std::min(next, state.retry_after);
  if (state.waits && (state.apply_wanted || !state.apply_again.empty())) {
    next = std::min(next, state.waits_until);
  }
  if (next == absl::InfiniteDuration()) return Done{};
  return RequeueAfter{std::max(next - clock_.Elapsed(), absl::ZeroDuration())};
}

SourceState& SourceReconciler::StateOf(const Resource& source) {
  const v1::Metadata& metadata = source.metadata();
  SourceState& state = states_[metadata.name()];
  if (state.uid != metadata.uid()) {
    // Of a source of this name that was deleted meanwhile.
    const bool reading = state.reading;
    state = SourceState();
    state.reading = state.drop_read = reading;
    metrics_.Follow(metadata.name());
    state.uid = metadata.uid();
    state.generation = metadata.generation();
    state.status = source.git_source().status();
    state.drift_due = clock_.Elapsed();
  } else if (state.generation != metadata.generation()) {
    // Another repository, another budget, another policy: look at everything again.
    state.generation = metadata.generation();
    state.next_read = -absl::InfiniteDuration();
    state.apply_after = -absl::InfiniteDuration();
    state.apply_wanted = state.wanted != nullptr;
    state.drift_due = clock_.Elapsed();
  }
  HeedOthers(source, state);
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  state.on_delete = spec.has_on_delete() ? spec.on_delete() : v1::GitSourceSpec::RELEASE;
  return state;
}

// What is known here of commits may be older than what another has applied, also what a read has
// just brought: nothing of it may be applied, nor corrected back to.
void SourceReconciler::HeedOthers(const Resource& source, SourceState& state) {
  const v1::GitSourceStatus& stored = source.git_source().status();
  const bool ours =
      stored.seen_commit() == state.stored_seen && stored.applied_commit() == state.stored_applied;
  const bool wanted = stored.seen_commit() == state.status.seen_commit() &&
                      stored.applied_commit() == state.status.applied_commit();
  state.revision = source.metadata().revision();
  state.stored_seen = stored.seen_commit();
  state.stored_applied = stored.applied_commit();
  if (ours || wanted) return;
  log_.Warn(
      "another reconciler follows the source",
      {{telemetry::kSource, source.metadata().name()}, {telemetry::kCommit, stored.seen_commit()}});
  state.status = stored;
  state.status_changed = false;
  // The poll stays where it was: two who see different repositories must not chase each other.
  state.drop_read = state.reading;
  state.pushed = absl::InfiniteDuration();
  state.tip.clear();
  state.frozen = false;
  state.head = state.wanted = state.applied = state.waiting = nullptr;
  state.apply_wanted = false;
  state.retry_after = absl::InfiniteDuration();
  state.apply_again.clear();
  state.drift = nullptr;
  state.drift_due = clock_.Elapsed();
}

// Reading.

void SourceReconciler::TakeHooks(const std::string& name, SourceState& state) {
  bool hooked = false;
  {
    MutexLock lock(mu_);
    hooked = hooked_.erase(name) > 0;
  }
  if (!hooked) return;
  // A push that arrives while a read is under way may have come too late for it.
  state.look_again = state.reading;
  state.told_of_push = std::min(state.told_of_push, clock_.Elapsed());
  forges_.Look(name);
  state.next_read = std::min(state.next_read, state.read_started + kLookInterval);
}

void SourceReconciler::StartRead(const Resource& source, SourceState& state) {
  if (state.frozen && ConfirmedIn(source, clock_.Now()) == state.tip) {
    state.frozen = false;
    state.next_read = -absl::InfiniteDuration();
  }
  if (state.reading || clock_.Elapsed() < state.next_read) return;
  ReadRequest request = {.spec = SpecOfSource(source),
                         .previous = state.status.seen_commit(),
                         .confirmed = ConfirmedIn(source, clock_.Now())};
  if (state.wanted == nullptr) request.fallback = state.status.applied_commit();
  const absl::Status started = reads_.Start(source.metadata().name(), std::move(request));
  if (!started.ok()) {
    Say(kFetched, FetchFailed(started), state);
    state.next_read = clock_.Elapsed() + NextRead(SpecOfSource(source), ++state.failed_reads);
    return;
  }
  state.reading = true;
  state.read_started = clock_.Elapsed();
}

absl::Duration SourceReconciler::NextRead(const v1::GitSourceSpec& spec, int failures) {
  const absl::Duration poll = absl::Seconds(spec.has_poll_seconds() ? spec.poll_seconds() : 30);
  const absl::Duration longest = std::max(poll, kLongestBackOff);
  // So that the sources of one forge do not all come at the same moment.
  return random_.Jitter(std::min(poll * (1 << std::min(failures, 10)), longest), 0.1);
}

void SourceReconciler::TakeRead(const Resource& source, SourceState& state) {
  const std::string& name = source.metadata().name();
  std::optional<ReadResult> read = reads_.Take(name);
  if (!read.has_value()) return;
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  state.reading = false;
  if (std::exchange(state.drop_read, false)) {
    state.next_read = -absl::InfiniteDuration();
    return;
  }
  state.failed_reads = read->fetched.ok() ? 0 : state.failed_reads + 1;
  state.next_read = std::exchange(state.look_again, false)
                        ? state.read_started + kLookInterval
                        : clock_.Elapsed() + NextRead(spec, state.failed_reads);
  if (!read->fetched.ok()) {
    Say(kFetched, FetchFailed(read->fetched), state);
    return;
  }
  metrics_.Heard(name);
  NotePush(*read, state);
  if (state.pull_heads != read->pull_heads) {
    // Something was pushed to a pull request: git says so without a call of the forge's interface.
    state.pull_heads = std::move(read->pull_heads);
    forges_.Look(name);
  }
  if (std::exchange(state.tip, read->commit) != read->commit) {
    log_.Info("commit seen", {{telemetry::kSource, name}, {telemetry::kCommit, read->commit}});
  }
  SayOfCommit(spec, *read, state);
  TakeSet(source, *read, state);
}

// Since when somebody waits for what this read has found: since the webhook, or else since the
// poll.
void SourceReconciler::NotePush(const ReadResult& read, SourceState& state) {
  const bool told = state.told_of_push <= state.read_started;
  const absl::Duration since = told ? state.told_of_push : state.read_started;
  // A webhook that came later may be about the next one.
  if (told) state.told_of_push = absl::InfiniteDuration();
  const bool is_news = !state.tip.empty() && state.tip != read.commit;
  if (is_news && read.followed()) state.pushed = std::min(state.pushed, since);
}

void SourceReconciler::SayOfCommit(const v1::GitSourceSpec& spec, const ReadResult& read,
                                   SourceState& state) {
  const std::string previous = state.status.seen_commit();
  state.frozen = read.frozen;
  // The news of a rewritten history stays until there is a newer commit.
  if (read.frozen) {
    Say(kFetched, HistoryFrozen(read.commit, read.ref, previous), state);
  } else if (previous != read.commit || StateIn(state.status, kFetched) != v1::Condition::TRUE) {
    const bool alert = read.rewritten && spec.on_rewrite() != v1::GitSourceSpec::ALLOW;
    Say(kFetched, FetchedAs(read.commit, read.ref, alert), state);
  }
  if (spec.signers().empty()) {
    if (state.status.mutable_conditions()->erase(kVerified) > 0) state.status_changed = true;
  } else if (!read.verified.ok()) {
    Say(kVerified, NotVerified(read.verified, previous), state);
  } else if (previous != read.commit || StateIn(state.status, kVerified) != v1::Condition::TRUE) {
    Say(kVerified, VerifiedAs(read.commit, read.signed_range), state);
  }
  // What is not followed was never seen: the next range of signatures begins where this one did.
  if (read.followed() && previous != read.commit) {
    state.status.set_seen_commit(read.commit);
    state.status_changed = true;
  }
}

void SourceReconciler::TakeSet(const Resource& source, const ReadResult& read, SourceState& state) {
  if (read.head != nullptr && read.head != state.head) {
    state.head = read.head;
    metrics_.Parsed(source.metadata().name(), *state.head);
    // It will never be applied.
    if (!state.head->valid()) state.pushed = absl::InfiniteDuration();
    Say(kValid, ValidityOf(*state.head, state.status.applied_commit()), state);
    const bool stands = !state.apply_wanted && state.applied != nullptr &&
                        state.applied == state.wanted &&
                        state.applied->contents == state.head->contents;
    if (state.head->valid() && stands) {
      // The commit changed nothing that is declared here: what it wants is applied already.
      state.wanted = state.head;
      desk_.Applied(source.metadata().name(), state.wanted->commit, Plan(),
                    state.status.applied_commit() == state.wanted->commit);
      MarkApplied(source.metadata().name(), state, /*changed=*/false);
    } else if (state.head->valid()) {
      state.wanted = state.head;
      state.apply_wanted = true;
      state.apply_after = -absl::InfiniteDuration();
    }
  }
  if (state.wanted == nullptr && read.fallback != nullptr) {
    state.wanted = state.applied = read.fallback;
    state.drift_due = clock_.Elapsed();
  }
}

// Applying.

// Whether anything may be applied now. What has waited is planned anew the moment that it may go
// on.
void SourceReconciler::AskPace(const Resource& source, SourceState& state, Turn& turn) {
  const std::string commit = state.wanted == nullptr ? "" : state.wanted->commit;
  const auto find = [&](const Ref& ref) { return turn.now.Find(ref); };
  state.pace = PaceOf(source, commit, find, clock_.Now());
  metrics_.SuspendedIs(source.metadata().name(), !SuspensionOf(source, find, clock_.Now()).empty());
  if (std::exchange(state.waits, !state.pace.may_apply) && state.pace.may_apply) {
    state.apply_after = -absl::InfiniteDuration();
  }
  const absl::Duration left = state.pace.until - clock_.Now();
  state.waits_until = clock_.Elapsed() + std::clamp(left, absl::ZeroDuration(), kLongestWait);
  if (!state.apply_wanted && state.applied != nullptr) SayApplied(source, state, turn.now);
  // It may wait for something else by now.
  if (state.apply_wanted && state.waits && state.waiting == state.wanted) SayWaiting(source, state);
}

absl::Status SourceReconciler::ApplyIfWanted(const Resource& source, SourceState& state,
                                             Turn& turn) {
  const absl::Duration elapsed = clock_.Elapsed();
  const bool is_due = state.apply_wanted && elapsed >= state.apply_after;
  const bool is_retry = !state.apply_wanted && elapsed >= state.retry_after;
  if (state.wanted == nullptr || (!is_due && !is_retry)) return absl::OkStatus();
  const std::string& name = source.metadata().name();
  ApplyRequest request = ApplyRequestOf(name, SpecOfSource(source), *state.wanted);
  absl::StatusOr<ApplyResult> planned = MakePlan(name, request, turn);
  if (!planned.ok()) return Annotate(planned.status(), "planning");
  metrics_.PlanIs(name, *planned, [&](const Ref& ref) { return turn.now.Find(ref); });
  state.retry_after = WasLeftUndone(*planned) ? elapsed + NextRead(SpecOfSource(source), 0)
                                              : absl::InfiniteDuration();
  // Tried again is only what could not be deleted: what else differs waits for its policy.
  if (is_retry && planned->plan().deletes() == 0) return absl::OkStatus();
  reports_.WritePlan(name, state.wanted->commit, *planned);
  const Verdict verdict = PlannedAs(*planned);
  Say(kPlanned, verdict, state);
  if (verdict.state != v1::Condition::TRUE) {
    Refuse(source, state, verdict, planned->plan());
    return absl::OkStatus();
  }
  bool changed = false;
  if (HasWork(planned->plan())) {
    if (!state.pace.may_apply) {
      Wait(source, state);
      return absl::OkStatus();
    }
    const ReviewDesk::Gate gate =
        desk_.MayApply(NowOf(source, state, turn.now), state.wanted->commit, planned->plan());
    if (gate.answer != ReviewDesk::Gate::Answer::kGo) {
      Refuse(source, state, NotReviewed(gate), planned->plan());
      if (gate.answer == ReviewDesk::Gate::Answer::kWait) desk_.Waits(name, gate.reason);
      return absl::OkStatus();
    }
    ESPALIER_ASSIGN_OR_RETURN(const Verdict done, Carry(source, std::move(request),
                                                        *planned->mutable_plan(), state, turn));
    changed = done.state == v1::Condition::TRUE;
    if (!changed) {
      Refuse(source, state, done, planned->plan());
      return absl::OkStatus();
    }
  }
  const bool news = changed || state.applied != state.wanted;
  desk_.Applied(name, state.wanted->commit, planned->plan(),
                state.status.applied_commit() == state.wanted->commit);
  MarkApplied(name, state, changed);
  SayApplied(source, state, turn.now);
  if (news) state.drift_due = clock_.Elapsed();
  return absl::OkStatus();
}

absl::StatusOr<ApplyResult> SourceReconciler::MakePlan(const std::string& source,
                                                       ApplyRequest& request, const Turn& turn) {
  request.set_dry_run(true);
  const absl::Duration began = clock_.Elapsed();
  absl::StatusOr<ApplyResult> planned = resources_.Apply(LongCall(turn), request);
  if (planned.ok()) metrics_.PlanTook(source, clock_.Elapsed() - began);
  return planned;
}

// Only some objects of what is applied already. While the whole set is wanted it brings them too.
absl::Status SourceReconciler::ApplyAgain(const Resource& source, SourceState& state, Turn& turn) {
  if (state.apply_again.empty() || state.applied == nullptr || state.apply_wanted ||
      !state.pace.may_apply) {
    return absl::OkStatus();
  }
  const std::string& name = source.metadata().name();
  ApplyRequest request = CorrectionOf(name, SpecOfSource(source), *state.applied,
                                      std::exchange(state.apply_again, {}));
  absl::StatusOr<ApplyResult> planned = MakePlan(name, request, turn);
  if (!planned.ok()) return Annotate(planned.status(), "planning a correction");
  Verdict verdict = PlannedAs(*planned);
  // The plan finds out whether anything can be corrected now: what is held stays as it is.
  if (verdict.state == v1::Condition::TRUE && !HasWork(planned->plan())) return absl::OkStatus();
  if (verdict.state == v1::Condition::TRUE) {
    absl::StatusOr<Verdict> done =
        Carry(source, std::move(request), *planned->mutable_plan(), state, turn);
    if (!done.ok()) {
      // What was to be corrected is found again.
      state.drift_due = clock_.Elapsed();
      return done.status();
    }
    verdict = *std::move(done);
  }
  if (verdict.state != v1::Condition::TRUE) {
    Say(kInSync, verdict, state);
    return absl::OkStatus();
  }
  state.drift_due = clock_.Elapsed();
  for (const v1::Action& action : planned->plan().actions()) {
    const absl::StatusOr<Ref> ref = FromProto(action.ref());
    if (ref.ok() && action.verb() != v1::Action::NOOP) {
      state.corrections[*ref].push_back(clock_.Elapsed());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Verdict> SourceReconciler::Carry(const Resource& source, ApplyRequest request,
                                                Plan& plan, SourceState& state, Turn& turn) {
  const std::string& name = source.metadata().name();
  const std::string commit = request.owner().commit();
  // Whoever applies has the last word in the status first, and applies on that word: of two
  // reconcilers the one that was paused, and so knows an older commit, is refused here or there.
  state.status_changed = true;
  ESPALIER_RETURN_IF_ERROR(WriteStatus(source, state, turn));
  request.set_dry_run(false);
  request.set_expected_digest(plan.digest());
  AddPremise(name, state.revision, request);
  CallContext context = LongCall(turn);
  // The revision is part of it: the same plan made again later is another operation.
  context.operation_id = absl::StrCat("git/", name, "/", commit, "/", plan.revision(), "/",
                                      plan.digest().substr(0, 16));
  // The engine answers with the same, and of ten thousand objects nobody wants two. Clear() would
  // keep the memory.
  plan = Plan();
  const absl::Duration began = clock_.Elapsed();
  absl::StatusOr<ApplyResult> result = resources_.Apply(context, request);
  if (!result.ok()) return Annotate(result.status(), "applying");
  plan = std::move(*result->mutable_plan());
  if (!result->applied()) {
    Verdict verdict = RefusedBy(result->problems());
    if (verdict.reason == "DigestMismatch") {
      return absl::AbortedError("the objects changed between plan and apply");
    }
    return verdict;
  }
  metrics_.Applied(name, clock_.Elapsed() - began);
  turn.Wrote(result->revision());
  log_.Info("commit applied", {{telemetry::kSource, name},
                               {telemetry::kCommit, commit},
                               {telemetry::kRevision, result->revision()}});
  return AppliedAs(commit, "");
}

// The plan is there, and its time is not.
void SourceReconciler::Wait(const Resource& source, SourceState& state) {
  state.apply_wanted = true;
  // The plan is made anew now and then, for whoever reads it; when it may go on, at once.
  state.apply_after = clock_.Elapsed() + NextRead(SpecOfSource(source), kWaitingPolls);
  state.waiting = state.wanted;
  SayWaiting(source, state);
}

void SourceReconciler::SayWaiting(const Resource& source, SourceState& state) {
  desk_.Waits(source.metadata().name(), state.pace.message);
  Say(kApplied,
      {.state = v1::Condition::FALSE,
       .reason = state.pace.reason,
       .message = absl::StrCat(state.wanted->commit.substr(0, 12),
                               " is not applied: ", state.pace.message)},
      state);
}

void SourceReconciler::Refuse(const Resource& source, SourceState& state, const Verdict& verdict,
                              const Plan& plan) {
  desk_.Stopped(source.metadata().name(), verdict.message, plan);
  // The set stays wanted: what is in the way may go away without a commit.
  state.apply_wanted = true;
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  state.apply_after = clock_.Elapsed() + NextRead(spec, 0);
  Say(kPlanned, verdict, state);
  if (state.status.applied_commit() == state.wanted->commit) return;
  Say(kApplied,
      {.state = v1::Condition::FALSE,
       .reason = verdict.reason,
       .message =
           absl::StrCat(state.wanted->commit.substr(0, 12), " is refused: ", verdict.message)},
      state);
}

void SourceReconciler::MarkApplied(const std::string& source, SourceState& state, bool changed) {
  metrics_.NothingLeft(source);
  if (state.pushed != absl::InfiniteDuration()) {
    metrics_.PushApplied(source, clock_.Elapsed() - state.pushed);
    state.pushed = absl::InfiniteDuration();
  }
  state.apply_wanted = false;
  state.applied = state.wanted;
  state.waiting = nullptr;
  const auto declared = static_cast<std::uint32_t>(state.applied->declared.size());
  if (state.status.applied_commit() != state.applied->commit ||
      state.status.declared() != declared) {
    state.status.set_applied_commit(state.applied->commit);
    state.status.set_declared(declared);
    state.status_changed = true;
  }
  if (!changed) return;
  // What was ready is not what is applied now; sources that wait for this one must not go by it.
  state.changed = std::min(state.changed, clock_.Elapsed());
  state.health_due = clock_.Elapsed() + kHealthDelay;
  // What is late does not become timely by what came after it. What another process called late has
  // just been applied again.
  const bool stays = std::exchange(state.health_seen, true) &&
                     StateIn(state.status, kHealthy) == v1::Condition::FALSE;
  if (stays) return;
  Say(kHealthy,
      {.state = v1::Condition::UNKNOWN, .reason = "Progressing", .message = "just applied"}, state);
}

void SourceReconciler::SayApplied(const Resource& source, SourceState& state, const Snapshot& now) {
  const auto find = [&](const Ref& ref) { return now.Find(ref); };
  Say(kApplied, AppliedAs(state.applied->commit, SuspensionOf(source, find, clock_.Now())), state);
}

void SourceReconciler::LookAtHealth(const Resource& source, SourceState& state,
                                    const Snapshot& now) {
  if (clock_.Elapsed() < state.health_due) return;
  state.health_due = absl::InfiniteDuration();
  if (state.status.applied_commit().empty()) return;
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  const absl::Duration source_timeout =
      absl::Seconds(spec.has_ready_timeout_seconds() ? spec.ready_timeout_seconds() : 600);
  const absl::Duration elapsed = clock_.Elapsed();
  // What is found not to be ready now was so since the apply, if there was one.
  const absl::Duration since = std::min(elapsed, state.changed);
  state.changed = absl::InfiniteDuration();
  // What was called late before a restart is late after it.
  const bool late_before = !std::exchange(state.health_seen, true) &&
                           StateIn(state.status, kHealthy) == v1::Condition::FALSE;
  HealthSum sum;
  std::map<Ref, SourceState::Unready> unready;
  for (const Resource& object : now.All()) {
    if (!IsOwnedBy(object, source.metadata().name())) continue;
    const Ref ref = RefOf(object);
    const absl::Duration timeout =
        PoliciesOf(object.metadata().annotations()).ready_timeout.value_or(source_timeout);
    SourceState::Unready entry = {.uid = object.metadata().uid(),
                                  .generation = object.metadata().generation(),
                                  .since = late_before ? elapsed - timeout : since};
    // Each has its own clock: what is applied beside it changes nothing.
    const auto known = state.unready.find(ref);
    if (known != state.unready.end() && known->second.uid == entry.uid &&
        known->second.generation == entry.generation) {
      entry.since = known->second.since;
    }
    const absl::Duration deadline = entry.since + timeout;
    sum.Add(object, elapsed >= deadline);
    if (HealthOf(object).state == Health::State::kReady) continue;
    if (elapsed < deadline) state.health_due = std::min(state.health_due, deadline);
    unready[ref] = std::move(entry);
  }
  state.unready = std::move(unready);
  Say(kHealthy, sum.ToVerdict(), state);
}

// Drift.

absl::Status SourceReconciler::LookForDrift(const Resource& source, SourceState& state,
                                            Turn& turn) {
  const std::string& name = source.metadata().name();
  if (clock_.Elapsed() < state.drift_due) return absl::OkStatus();
  if (state.status.applied_commit().empty()) {
    // Nothing was ever declared: the first apply asks again.
    state.drift_due = absl::InfiniteDuration();
    return absl::OkStatus();
  }
  CallContext context = LongCall(turn);
  context.min_revision = turn.wrote();
  absl::StatusOr<DriftReport> report =
      resources_.Drift(context, DriftRequestOf(name, SpecOfSource(source), state.applied.get()));
  if (!report.ok()) return Annotate(report.status(), "looking for drift");
  metrics_.DriftIs(name, *report);
  reports_.WriteDrift(name, state.status.applied_commit(), *report);
  state.drift_due = absl::InfiniteDuration();
  state.drift = std::make_shared<const DriftReport>(*report);
  Say(kInSync, SyncOf(*report), state);
  if (state.status.drifted() != static_cast<std::uint32_t>(report->rows_size())) {
    state.status.set_drifted(static_cast<std::uint32_t>(report->rows_size()));
    state.status_changed = true;
  }
  const absl::Time hold_end = FirstHoldEnd(turn.now, name, clock_.Now());
  if (hold_end != absl::InfiniteFuture()) {
    state.drift_due = clock_.Elapsed() + (hold_end - clock_.Now()) + kDriftDelay;
  }
  if (state.applied != nullptr) {
    Correct(name, ToCorrect(*report, *state.applied, PolicyOf(source, turn.now)), state);
  }
  return absl::OkStatus();
}

void SourceReconciler::Correct(const std::string& source, const std::vector<Ref>& drifted,
                               SourceState& state) {
  const absl::Duration minute_ago = clock_.Elapsed() - absl::Minutes(1);
  for (auto& [ref, times] : state.corrections) {
    while (!times.empty() && times.front() < minute_ago) times.pop_front();
  }
  std::erase_if(state.corrections, [](const auto& entry) { return entry.second.empty(); });
  std::set<std::string> fights;
  for (const Ref& ref : drifted) {
    const auto lately = state.corrections.find(ref);
    if (lately == state.corrections.end() || lately->second.size() < kCorrectionsPerMinute) {
      state.apply_again.insert(ref);
      continue;
    }
    const std::string object = ToHuman(ref);
    fights.insert(object);
    if (!state.fights.contains(object)) metrics_.FightBegan(source);
    state.drift_due =
        std::min(state.drift_due, lately->second.front() + absl::Minutes(1) + kDriftDelay);
  }
  state.fights = fights;
  if (fights.empty()) return;
  Say(kInSync,
      {.state = v1::Condition::FALSE,
       .reason = "Fighting",
       .message = absl::StrCat("somebody changes back what is corrected: ",
                               absl::StrJoin(fights, ", "), "; correction pauses for a minute")},
      state);
}

// Pull requests.

SourceNow SourceReconciler::NowOf(const Resource& source, const SourceState& state,
                                  const Snapshot& now) const {
  const v1::DriftPolicy::Mode policy = PolicyOf(source, now);
  return {.source = source,
          .target = state.status.seen_commit(),
          .applied = state.status.applied_commit(),
          .wanted = state.wanted.get(),
          .drift = state.drift,
          .pace = state.pace,
          .alert = policy == v1::DriftPolicy::ALERT || policy == v1::DriftPolicy::CORRECT};
}

absl::Status SourceReconciler::Review(const Resource& source, SourceState& state, Turn& turn) {
  const std::string& name = source.metadata().name();
  const absl::Status status = desk_.Work(NowOf(source, state, turn.now), turn);
  if (const std::optional<absl::Status> reported = desk_.Reported(name)) {
    Say(kReported, ReportedAs(*reported), state);
  }
  if (desk_.WantsRead(name)) {
    state.next_read = std::min(state.next_read, state.read_started + kLookInterval);
  }
  const auto open = static_cast<std::uint32_t>(desk_.OpenCount(name));
  if (state.status.pull_requests() != open) {
    state.status.set_pull_requests(open);
    state.status_changed = true;
  }
  return status;
}

// Status.

void SourceReconciler::Say(const char* condition, const Verdict& verdict, SourceState& state) {
  if (SetCondition(condition, verdict, clock_.Now(), state.status)) state.status_changed = true;
}

absl::Status SourceReconciler::WriteStatus(const Resource& source, SourceState& state, Turn& turn) {
  if (!state.status_changed) return absl::OkStatus();
  state.status.set_state(espalier::StateOf(state.status));
  *state.status.mutable_updated_at() = TimestampOf(clock_.Now());
  StatusWrite write;
  write.set_writer(StatusWrite::CONTROLLER);
  v1::Metadata& metadata = *write.mutable_resource()->mutable_metadata();
  metadata.set_name(source.metadata().name());
  metadata.set_uid(source.metadata().uid());
  metadata.set_revision(state.revision);
  *write.mutable_resource()->mutable_git_source()->mutable_status() = state.status;
  const auto results = resources_.UpdateStatus(turn.context, {write});
  if (!results.front().ok()) return Annotate(results.front().status(), "writing the status");
  turn.Wrote(*results.front());
  state.revision = *results.front();
  state.stored_seen = state.status.seen_commit();
  state.stored_applied = state.status.applied_commit();
  state.status_changed = false;
  return absl::OkStatus();
}

// The source is gone.

Outcome SourceReconciler::Leave(const std::string& name, Turn& turn) {
  const auto found = states_.find(name);
  const bool prune = found != states_.end() && found->second.on_delete == v1::GitSourceSpec::PRUNE;
  ApplyRequest request;
  *request.mutable_owner() = OwnerOf(name, "");
  bool owns_any = false;
  for (const Resource& resource : turn.now.All()) {
    if (!IsOwnedBy(resource, name) || resource.metadata().has_deleting_since()) continue;
    owns_any = true;
    const bool kept = !PoliciesOf(resource.metadata().annotations()).prune;
    if (!prune || kept) *request.add_release() = ToProto(RefOf(resource));
  }
  if (owns_any) {
    // One of this name that is there again may have taken them over already.
    AddPremise(name, /*revision=*/0, request);
    if (prune) {
      // Who deleted the source has seen `on_delete: prune` in it: that is the consent.
      request.mutable_prune()->set_whole_scope_loaded(true);
      request.mutable_prune()->set_percent(100);
    }
    absl::StatusOr<ApplyResult> result = resources_.Apply(LongCall(turn), request);
    if (!result.ok()) return Retry{Annotate(result.status(), "giving up the source's objects")};
    if (!result->applied()) {
      return Stalled{absl::FailedPreconditionError(RefusedBy(result->problems()).message)};
    }
    turn.Wrote(result->revision());
    log_.Info("source gone",
              {{telemetry::kSource, name}, {telemetry::kCount, request.release_size()}});
  }
  if (found != states_.end()) states_.erase(found);
  desk_.Forget(name);
  reads_.Forget(name);
  metrics_.Leave(name);
  return Done{};
}

}  // namespace espalier
