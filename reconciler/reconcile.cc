#include "reconciler/reconcile.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "reconciler/apply_set.h"

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
// More corrections than this in a minute are a fight with somebody who means it.
constexpr std::size_t kCorrectionsPerMinute = 5;

const v1::GitSourceSpec& SpecOfSource(const Resource& source) { return source.git_source().spec(); }

bool IsOwnedBy(const Resource& resource, const std::string& source) {
  const Owner& owner = resource.metadata().owner();
  return owner.manager() == Owner::GIT && owner.instance() == source;
}

Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }

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
    const google::protobuf::Timestamp& until = resource.metadata().edited().hold_until();
    const absl::Time end =
        absl::FromUnixSeconds(until.seconds()) + absl::Nanoseconds(until.nanos());
    if (end > after) first = std::min(first, end);
  }
  return first;
}

CallContext LongCall(const Turn& turn) {
  CallContext context = turn.context;
  context.timeout = kApplyTimeout;
  return context;
}

}  // namespace

SourceReconciler::SourceReconciler(Clock& clock, Random& random, Log& log, Resources& resources,
                                   Pulls& pulls, ReportFiles& reports)
    : clock_(clock),
      random_(random),
      log_(log),
      resources_(resources),
      pulls_(pulls),
      reports_(reports) {}

void SourceReconciler::LookNow(const std::string& source) {
  MutexLock lock(mu_);
  hooked_.insert(source);
}

void SourceReconciler::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  const Resource& resource = change.any();
  if (resource.has_git_source()) {
    names.push_back(RefOf(resource));
    return;
  }
  if (resource.metadata().owner().manager() == Owner::GIT) {
    const std::string& source = resource.metadata().owner().instance();
    names.push_back(SourceRef(source));
    if (const auto found = states_.find(source); found != states_.end()) MarkDrift(found->second);
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

void SourceReconciler::MarkDrift(SourceState& state) {
  state.drift_due = std::min(state.drift_due, clock_.Elapsed() + kDriftDelay);
}

Outcome SourceReconciler::Reconcile(const Ref& name, Turn& turn) {
  const Resource* source = turn.now.Find(name);
  if (source == nullptr) return Leave(name.name, turn);
  SourceState& state = StateOf(*source);
  TakeHooks(name.name, state);
  TakePulled(*source, state);
  StartPull(*source, state);
  // A failure of one step must not hide what the steps before it found out.
  absl::Status status = ApplyIfWanted(*source, state, turn);
  if (status.ok()) status = LookForDrift(*source, state, turn);
  const absl::Status written = WriteStatus(*source, state, turn);
  if (!status.ok()) return Retry{status};
  if (!written.ok()) return Retry{written};

  absl::Duration next =
      std::min(state.drift_due, state.pulling ? absl::InfiniteDuration() : state.next_pull);
  if (state.apply_wanted && state.wanted != nullptr) next = std::min(next, state.apply_after);
  if (next == absl::InfiniteDuration()) return Done{};
  return RequeueAfter{std::max(next - clock_.Elapsed(), absl::ZeroDuration())};
}

SourceState& SourceReconciler::StateOf(const Resource& source) {
  const v1::Metadata& metadata = source.metadata();
  SourceState& state = states_[metadata.name()];
  if (state.uid != metadata.uid()) {
    state = SourceState();
    state.uid = metadata.uid();
    state.generation = metadata.generation();
    state.status = source.git_source().status();
    state.drift_due = clock_.Elapsed();
  } else if (state.generation != metadata.generation()) {
    // Another repository, another budget, another policy: look at everything again.
    state.generation = metadata.generation();
    state.next_pull = -absl::InfiniteDuration();
    state.apply_after = -absl::InfiniteDuration();
    state.apply_wanted = state.wanted != nullptr;
    state.drift_due = clock_.Elapsed();
  }
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  state.on_delete = spec.has_on_delete() ? spec.on_delete() : v1::GitSourceSpec::RELEASE;
  return state;
}

// Pulling.

void SourceReconciler::TakeHooks(const std::string& name, SourceState& state) {
  bool hooked = false;
  {
    MutexLock lock(mu_);
    hooked = hooked_.erase(name) > 0;
  }
  if (!hooked) return;
  // A push that arrives while a pull is under way may have come too late for it.
  state.look_again = state.pulling;
  state.next_pull = std::min(state.next_pull, state.pull_started + kLookInterval);
}

void SourceReconciler::StartPull(const Resource& source, SourceState& state) {
  if (state.pulling || clock_.Elapsed() < state.next_pull) return;
  PullRequest request = {.spec = SpecOfSource(source), .previous = state.status.seen_commit()};
  if (state.wanted == nullptr) request.fallback = state.status.applied_commit();
  const absl::Status started = pulls_.Start(source.metadata().name(), std::move(request));
  if (!started.ok()) {
    Say(kFetched, FetchFailed(started), state);
    state.next_pull = clock_.Elapsed() + NextPull(SpecOfSource(source), ++state.failed_pulls);
    return;
  }
  state.pulling = true;
  state.pull_started = clock_.Elapsed();
}

absl::Duration SourceReconciler::NextPull(const v1::GitSourceSpec& spec, int failures) {
  const absl::Duration poll = absl::Seconds(spec.has_poll_seconds() ? spec.poll_seconds() : 30);
  const absl::Duration longest = std::max(poll, kLongestBackOff);
  // So that the sources of one forge do not all come at the same moment.
  return random_.Jitter(std::min(poll * (1 << std::min(failures, 10)), longest), 0.1);
}

void SourceReconciler::TakePulled(const Resource& source, SourceState& state) {
  const std::string& name = source.metadata().name();
  std::optional<PullResult> pulled = pulls_.Take(name);
  if (!pulled.has_value()) return;
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  state.pulling = false;
  state.failed_pulls = pulled->fetched.ok() ? 0 : state.failed_pulls + 1;
  state.next_pull = std::exchange(state.look_again, false)
                        ? state.pull_started + kLookInterval
                        : clock_.Elapsed() + NextPull(spec, state.failed_pulls);
  if (!pulled->fetched.ok()) {
    Say(kFetched, FetchFailed(pulled->fetched), state);
    return;
  }
  if (state.status.seen_commit() != pulled->commit) {
    log_.Info("commit seen", {{telemetry::kSource, name}, {telemetry::kCommit, pulled->commit}});
  }
  // The news of a rewritten history stays until there is a newer commit.
  if (state.status.seen_commit() != pulled->commit ||
      StateIn(state.status, kFetched) != v1::Condition::TRUE) {
    Say(kFetched,
        FetchedAs(pulled->commit, spec.has_ref() ? spec.ref() : "main", pulled->rewritten), state);
  }
  if (state.status.seen_commit() != pulled->commit) {
    state.status.set_seen_commit(pulled->commit);
    state.status_changed = true;
  }
  if (pulled->head == state.head) return;
  state.head = pulled->head;
  Say(kValid, ValidityOf(*state.head, state.status.applied_commit()), state);
  if (state.head->valid()) {
    state.wanted = state.head;
    state.apply_wanted = true;
    state.apply_after = -absl::InfiniteDuration();
  } else if (state.wanted == nullptr && pulled->fallback != nullptr) {
    state.wanted = state.applied = pulled->fallback;
    state.drift_due = clock_.Elapsed();
  }
}

// Applying.

absl::Status SourceReconciler::ApplyIfWanted(const Resource& source, SourceState& state,
                                             Turn& turn) {
  if (!state.apply_wanted || state.wanted == nullptr || clock_.Elapsed() < state.apply_after) {
    return absl::OkStatus();
  }
  const std::string& name = source.metadata().name();
  ApplyRequest request = ApplyRequestOf(name, SpecOfSource(source), *state.wanted);
  request.set_dry_run(true);
  absl::StatusOr<ApplyResult> planned = resources_.Apply(LongCall(turn), request);
  if (!planned.ok()) return Annotate(planned.status(), "planning");
  reports_.WritePlan(name, state.wanted->commit, *planned);
  const Verdict verdict = PlannedAs(*planned);
  Say(kPlanned, verdict, state);
  if (verdict.state != v1::Condition::TRUE) {
    Refuse(source, state, verdict);
    return absl::OkStatus();
  }
  if (!HasWork(planned->plan())) {
    const bool news = state.applied != state.wanted;
    MarkApplied(state);
    if (news) state.drift_due = clock_.Elapsed();
    return absl::OkStatus();
  }
  return Carry(source, state, std::move(request), planned->plan(), turn);
}

absl::Status SourceReconciler::Carry(const Resource& source, SourceState& state,
                                     ApplyRequest request, const Plan& plan, Turn& turn) {
  const std::string& name = source.metadata().name();
  request.set_dry_run(false);
  request.set_expected_digest(plan.digest());
  CallContext context = LongCall(turn);
  // The revision is part of it: the same plan made again later is another operation.
  context.operation_id = absl::StrCat("git/", name, "/", state.wanted->commit, "/", plan.revision(),
                                      "/", plan.digest().substr(0, 16));
  absl::StatusOr<ApplyResult> result = resources_.Apply(context, request);
  if (!result.ok()) return Annotate(result.status(), "applying");
  if (!result->applied()) {
    const Verdict verdict = RefusedBy(result->problems());
    if (verdict.reason == "DigestMismatch") {
      return absl::AbortedError("the objects changed between plan and apply");
    }
    Refuse(source, state, verdict);
    return absl::OkStatus();
  }
  turn.Wrote(result->revision());
  log_.Info("commit applied", {{telemetry::kSource, name},
                               {telemetry::kCommit, state.wanted->commit},
                               {telemetry::kRevision, result->revision()}});
  if (state.correcting) state.corrections.push_back(clock_.Elapsed());
  MarkApplied(state);
  state.drift_due = clock_.Elapsed();
  return absl::OkStatus();
}

void SourceReconciler::Refuse(const Resource& source, SourceState& state, const Verdict& verdict) {
  // The set stays wanted: what is in the way may go away without a commit.
  const v1::GitSourceSpec& spec = SpecOfSource(source);
  state.apply_after = clock_.Elapsed() + NextPull(spec, 0);
  Say(kPlanned, verdict, state);
  if (state.status.applied_commit() == state.wanted->commit) return;
  Say(kApplied,
      {.state = v1::Condition::FALSE,
       .reason = verdict.reason,
       .message =
           absl::StrCat(state.wanted->commit.substr(0, 12), " is refused: ", verdict.message)},
      state);
}

void SourceReconciler::MarkApplied(SourceState& state) {
  state.apply_wanted = false;
  state.correcting = false;
  state.applied = state.wanted;
  const auto declared = static_cast<std::uint32_t>(state.applied->declared.size());
  if (state.status.applied_commit() != state.applied->commit ||
      state.status.declared() != declared) {
    state.status.set_applied_commit(state.applied->commit);
    state.status.set_declared(declared);
    state.status_changed = true;
  }
  Say(kApplied, AppliedAs(state.applied->commit), state);
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
  reports_.WriteDrift(name, state.status.applied_commit(), *report);
  state.drift_due = absl::InfiniteDuration();
  Say(kInSync, SyncOf(*report), state);
  if (state.status.drifted() != static_cast<std::uint32_t>(report->rows_size())) {
    state.status.set_drifted(static_cast<std::uint32_t>(report->rows_size()));
    state.status_changed = true;
  }
  if (!IsCorrectable(*report)) return absl::OkStatus();
  const absl::Time hold_end = FirstHoldEnd(turn.now, name, clock_.Now());
  if (hold_end != absl::InfiniteFuture()) {
    state.drift_due = clock_.Elapsed() + (hold_end - clock_.Now()) + kDriftDelay;
  }
  if (PolicyOf(source, turn.now) == v1::DriftPolicy::CORRECT) Correct(state);
  return absl::OkStatus();
}

void SourceReconciler::Correct(SourceState& state) {
  if (state.wanted == nullptr || state.apply_wanted) return;
  const absl::Duration now = clock_.Elapsed();
  while (!state.corrections.empty() && now - state.corrections.front() > absl::Minutes(1)) {
    state.corrections.pop_front();
  }
  if (state.corrections.size() >= kCorrectionsPerMinute) {
    Say(kInSync,
        {.state = v1::Condition::FALSE,
         .reason = "Fighting",
         .message = "somebody changes back what is corrected; correction pauses for a minute"},
        state);
    state.drift_due = std::min(state.drift_due, state.corrections.front() + absl::Minutes(1));
    return;
  }
  // The plan finds out whether anything can be corrected now: what is held stays as it is.
  state.correcting = true;
  state.apply_wanted = true;
  state.apply_after = -absl::InfiniteDuration();
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
  metadata.set_revision(source.metadata().revision());
  *write.mutable_resource()->mutable_git_source()->mutable_status() = state.status;
  const auto results = resources_.UpdateStatus(turn.context, {write});
  if (!results.front().ok()) return Annotate(results.front().status(), "writing the status");
  turn.Wrote(*results.front());
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
    if (!prune) *request.add_release() = ToProto(RefOf(resource));
  }
  if (owns_any) {
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
  pulls_.Forget(name);
  return Done{};
}

}  // namespace espalier
