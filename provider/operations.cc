#include "provider/operations.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/telemetry.h"
#include "engine/model/hold.h"
#include "engine/model/size_text.h"
#include "engine/model/timestamp.h"
#include "provider/call_schema.h"
#include "provider/readiness.h"
#include "provider/write_only.h"

namespace espalier::provider {
namespace {

absl::Duration TimeoutOf(const Ref& ref, const Value& object, absl::string_view step) {
  return DurationOf(object.At(kTimeouts), step, DefaultTimeout(ref.kind));
}

bool IsBuiltin(const Schema& schema, const Ref& ref) {
  const std::vector<std::string>& names = schema.kind->builtin;
  return std::find(names.begin(), names.end(), ref.name) != names.end();
}

// "terraform ci", "git fleet (fleet.yaml:12)".
std::string OwnerText(const Owner& owner) {
  static constexpr absl::string_view kManagers[] = {"nobody", "terraform", "git",
                                                    "cli",    "api",       "controller"};
  const int manager = owner.manager();
  std::string text(manager > 0 && manager < 6 ? kManagers[manager] : kManagers[0]);
  if (!owner.instance().empty()) absl::StrAppend(&text, " ", owner.instance());
  if (!owner.source().empty()) absl::StrAppend(&text, " (", owner.source(), ")");
  return text;
}

bool HasOwner(const Resource& resource) {
  return resource.metadata().owner().manager() != Owner::MANAGER_UNSPECIFIED;
}

// The engine's object as state; what is ours comes from `ours`.
Value StateOf(const Schema& schema, const Resource& resource, const Value& ours) {
  Value state = ToValue(schema.attributes, resource);
  for (const Attribute& attribute : schema.attributes) {
    if (IsOfProvider(attribute.name)) state.Set(attribute.name, ours.At(attribute.name));
  }
  return WithVersions(schema.attributes, state, ours);
}

Wish WishOf(const Value& object) {
  const Number* min_ready = object.At(kMinReady).as_number();
  return {.condition = std::string(object.At(kWaitFor).text()),
          .min_ready = min_ready != nullptr ? min_ready->AsInt64().value_or(0) : 0};
}

// Warnings about many objects have one summary, so that core shows them as one.

// What there is no room for, in numbers: of this object and of what this run has planned before it.
void WarnOfShortage(const Ref& ref, const v1::Capacity& capacity, Diagnostics& diagnostics) {
  if (!capacity.short_()) return;
  diagnostics.Warning("Not enough room",
                      absl::StrCat(ToHuman(ref), ": ", absl::StrJoin(capacity.verdicts(), "\n")));
}

// At plan: core tells of deletions in any order, and each of them may make room in time.
void WarnOfQuota(const Ref& ref, const Problem& problem, Diagnostics& diagnostics) {
  diagnostics.Warning(
      "Quota exceeded",
      absl::StrCat(ToHuman(ref), ": ", problem.message(),
                   ". An apply will be refused, unless what it deletes makes room."));
}

// What people have done beside the configuration: their changes, and their holds.
void WarnOfOtherHands(const v1::Metadata& metadata, const Ref& ref, absl::Time now,
                      Diagnostics& diagnostics) {
  if (metadata.has_edited()) {
    const v1::Edited& edited = metadata.edited();
    const bool waits = edited.has_hold_until() && TimeOf(edited.hold_until()) > now;
    diagnostics.Warning(
        "Changed by another hand",
        absl::StrCat(ToHuman(ref), ": by ", edited.actor(), " (", edited.interface(),
                     "): ", edited.reason().empty() ? "no reason given" : edited.reason(), ". ",
                     waits
                         ? absl::StrCat("The change is held until ",
                                        MinuteText(TimeOf(edited.hold_until())), "; then an apply")
                         : "An apply",
                     " takes it back, unless the configuration says the same."));
  }
  const std::map<std::string, v1::Hold> holds(metadata.holds().begin(), metadata.holds().end());
  for (const auto& [name, hold] : holds) {
    if (StandingHold(metadata, name, now) == nullptr) continue;
    diagnostics.Warning("A hold stands",
                        absl::StrCat(ToHuman(ref), ": ", NamedHoldText(name, hold)));
  }
}

// The object is `uid` or, if that is empty, must be new.
Declared DeclaredOf(const Schema& schema, const Converted& wanted, const Ref& ref,
                    const std::string& uid) {
  Declared declared;
  *declared.mutable_resource() = wanted.resource;
  // Core does not tell the address of a resource; its type and name are the nearest to it.
  declared.set_source(
      absl::StrCat(schema.type_name, " ", ref.ns, ref.ns.empty() ? "" : "/", ref.name));
  *declared.mutable_unknown() = {wanted.unknown.begin(), wanted.unknown.end()};
  declared.set_uid(uid);
  declared.set_create_only(uid.empty());
  return declared;
}

// The same for an object that is stored.
Declared ToStore(const Schema& schema, const Converted& wanted, const Ref& ref,
                 const std::string& uid, std::int64_t generation) {
  Declared declared = DeclaredOf(schema, wanted, ref, uid);
  declared.set_generation(generation);
  // What the engine computes is unknown to Terraform, not to the engine.
  declared.clear_unknown();
  return declared;
}

void AddProblem(absl::string_view summary, Problem problem, Diagnostics& diagnostics) {
  // Core does not say that a create is half of a replacement.
  if (Is(problem, "already_exists")) {
    problem.set_message(absl::StrCat(
        problem.message(),
        ". If this state holds it already, it is replaced under create_before_destroy: give the "
        "replacement another name, or leave create_before_destroy out"));
  }
  diagnostics.Add(summary, problem);
}

void AddProblems(absl::string_view summary, const ApplyResult& result, Diagnostics& diagnostics) {
  for (const Problem& problem : result.problems()) AddProblem(summary, problem, diagnostics);
}

bool IsAbout(const Problem& problem, const Ref& ref) {
  const absl::StatusOr<Ref> about = FromProto(problem.ref());
  return about.ok() && *about == ref;
}

bool HasErrors(const ApplyResult& result) {
  return std::any_of(result.problems().begin(), result.problems().end(),
                     [](const Problem& problem) { return problem.severity() == Problem::ERROR; });
}

// An object that was read from state without a uid, right after an import, is whatever is there.
std::string UidOf(const Value& state) { return std::string(state.At(kUid).text()); }

}  // namespace

Ref RefFor(const Schema& schema, const Value& object) {
  return Ref{schema.kind->kind, std::string(object.At(kNamespace).text()),
             std::string(object.At(kName).text())};
}

std::optional<Ref> PreviewTarget(const Schema& schema, const Change& change, const Value& prior) {
  switch (change.verb) {
    case Change::Verb::kNone:
      return std::nullopt;
    case Change::Verb::kDelete: {
      const Ref ref = RefFor(schema, prior);
      return IsBuiltin(schema, ref) ? std::nullopt : std::optional<Ref>(ref);
    }
    default: {
      const Value& planned = change.planned;
      if (!planned.At(kName).is_known() || planned.At(kNamespace).is_unknown()) return std::nullopt;
      return RefFor(schema, planned);
    }
  }
}

std::string CannotCreate(const Creation& creation) {
  return absl::StrCat("Cannot create ", ToHuman(RefFor(creation.schema, creation.planned)));
}

Operations::Operations(Engine& engine, Incarnations& incarnations, Log& log)
    : engine_(engine), incarnations_(incarnations), log_(log) {}

Declared Operations::Wanted(const Intent& intent) const {
  // What stands there in our name will be changed or replaced; anything else must not be there.
  return DeclaredOf(intent.schema, intent.change.wanted, intent.target,
                    incarnations_.Find(intent.target));
}

Diagnostics Operations::Preview(const Intent& intent) {
  Diagnostics diagnostics;
  const Ref& ref = intent.target;
  if (intent.change.verb == Change::Verb::kDelete) {
    const absl::StatusOr<ApplyResult> result =
        engine_.Delete(ref, UidOf(intent.prior), /*dry_run=*/true);
    // What is gone or busy now may be different when its turn comes; only ownership is certain.
    if (!result.ok()) return diagnostics;
    for (const Problem& problem : result->problems()) {
      if (Is(problem, "owner_conflict")) {
        diagnostics.Add(absl::StrCat("Cannot delete ", ToHuman(ref)), problem);
      }
    }
    return diagnostics;
  }
  const std::string summary = absl::StrCat("Cannot apply ", ToHuman(ref));
  const absl::StatusOr<ApplyResult> result =
      engine_.Apply(Wanted(intent), /*dry_run=*/true, intent.takeover == Takeover::kTransfer);
  // Gone since state was read: then it is created, and that decides.
  if (absl::IsAborted(result.status()) && intent.prior.is_null()) return diagnostics;
  if (!result.ok()) {
    diagnostics.Failure(summary, result.status());
    return diagnostics;
  }
  for (const Problem& problem : result->problems()) {
    if (Is(problem, "quota_exceeded")) {
      WarnOfQuota(ref, problem, diagnostics);
    } else {
      AddProblem(summary, problem, diagnostics);
    }
  }
  WarnOfShortage(ref, result->plan().capacity(), diagnostics);
  return diagnostics;
}

bool Operations::HasNothingToSay(absl::Span<const Intent> intents) {
  std::vector<Declared> wanted;
  // An object that can be given up is ours, so it can be deleted as well.
  std::vector<Ref> ours;
  for (const Intent& intent : intents) {
    if (intent.takeover == Takeover::kTransfer) return false;
    if (intent.change.verb == Change::Verb::kDelete) {
      ours.push_back(intent.target);
    } else {
      wanted.push_back(Wanted(intent));
    }
  }
  const absl::StatusOr<ApplyResult> result = engine_.PreviewAll(std::move(wanted), ours);
  if (!result.ok() || result->plan().capacity().short_()) return false;
  Diagnostics diagnostics;
  AddProblems("", *result, diagnostics);
  return diagnostics.list().empty() &&
         std::none_of(result->problems().begin(), result->problems().end(),
                      [](const Problem& problem) { return Is(problem, "not_owned"); });
}

absl::StatusOr<Resource> Operations::Write(const Schema& schema, const Value& wanted,
                                           const std::string& uid, const PrivateData& kept,
                                           absl::string_view summary, Diagnostics& diagnostics) {
  const Ref ref = RefFor(schema, wanted);
  Problems problems;
  const Converted converted = ToResource(schema, wanted, problems);
  diagnostics.Add(summary, problems);
  if (problems.HasErrors()) return absl::InvalidArgumentError("the object is not valid");
  absl::StatusOr<ApplyResult> result =
      engine_.Apply(ToStore(schema, converted, ref, uid, kept.generation), /*dry_run=*/false,
                    kept.takeover == Takeover::kTransfer);
  if (!result.ok()) {
    diagnostics.Failure(summary, result.status());
    return result.status();
  }
  AddProblems(summary, *result, diagnostics);
  if (HasErrors(*result)) return absl::FailedPreconditionError("the engine refused the object");
  if (result->objects_size() != 1) {
    diagnostics.Error(summary, "The engine's answer does not hold the object that it stored.");
    return absl::InternalError("no object in the answer");
  }
  // Nobody waits for all members, so nobody would hear of those that are missing.
  if (HasMembers(ref.kind)) WarnOfShortage(ref, result->plan().capacity(), diagnostics);
  return std::move(*result->mutable_objects(0));
}

Outcome Operations::Create(const Creation& creation) {
  Diagnostics diagnostics;
  std::optional<Stored> stored = Store(creation, diagnostics);
  if (!stored.has_value()) return {.diagnostics = std::move(diagnostics)};
  return Created(creation, *std::move(stored));
}

std::optional<Stored> Operations::Store(const Creation& creation, Diagnostics& diagnostics) {
  absl::StatusOr<Resource> object = Write(creation.schema, creation.wanted, /*uid=*/"", /*kept=*/{},
                                          CannotCreate(creation), diagnostics);
  if (!object.ok()) return std::nullopt;
  return Stored{*std::move(object), std::move(diagnostics)};
}

absl::StatusOr<std::vector<Stored>> Operations::StoreAll(absl::Span<const Creation> creations) {
  std::vector<Declared> wanted;
  for (const Creation& creation : creations) {
    Problems problems;
    const Converted converted = ToResource(creation.schema, creation.wanted, problems);
    if (!problems.list().empty()) return absl::FailedPreconditionError("there is more to say");
    wanted.push_back(ToStore(creation.schema, converted, RefFor(creation.schema, creation.planned),
                             /*uid=*/"", /*generation=*/0));
  }
  absl::StatusOr<ApplyResult> result = engine_.ApplyAll(std::move(wanted));
  if (!result.ok()) {
    if (IsUnsure(result.status()) || absl::IsUnavailable(result.status())) return result.status();
    return absl::FailedPreconditionError("the engine refused the set");
  }
  if (HasErrors(*result)) return absl::FailedPreconditionError("the engine refused the set");
  if (static_cast<std::size_t>(result->objects_size()) != creations.size()) {
    return absl::InternalError("The engine's answer does not hold the objects that it stored.");
  }
  std::vector<Stored> all(creations.size());
  for (std::size_t i = 0; i < creations.size(); ++i) {
    all[i].object = std::move(*result->mutable_objects(static_cast<int>(i)));
    const Ref ref = RefOf(all[i].object);
    for (const Problem& problem : result->problems()) {
      if (IsAbout(problem, ref)) {
        AddProblem(CannotCreate(creations[i]), problem, all[i].diagnostics);
      }
    }
  }
  return all;
}

bool Operations::IsReady(const Resource& stored, const Value& planned) const {
  return ReadinessOf(stored, WishOf(planned)).progress == Verdict::Progress::kDone;
}

Outcome Operations::Created(const Creation& creation, Stored stored) {
  Outcome outcome;
  outcome.diagnostics = std::move(stored.diagnostics);
  const Ref ref = RefOf(stored.object);
  const std::string uid = stored.object.metadata().uid();
  LogChange("object created", ref, uid);
  incarnations_.Remember(ref, uid);
  const Resource last =
      Await(std::move(stored.object), creation.planned, "create", outcome.diagnostics);
  outcome.state = Settle(creation.planned, StateOf(creation.schema, last, creation.planned));
  outcome.kept.generation = last.metadata().generation();
  return outcome;
}

void Operations::LogChange(absl::string_view message, const Ref& ref, const std::string& uid) {
  // Nothing is put into words that nobody will read.
  if (!log_.Enabled(LogLevel::kInfo)) return;
  log_.Info(message, {{telemetry::kRef, ToHuman(ref)}, {telemetry::kUid, uid}});
}

// How far its host is with its image; nothing for what is no VM, or has its image.
std::string Operations::PullText(const std::optional<Resource>& waited) {
  if (!waited || waited->body_case() != Kind::kVm) return "";
  const v1::VmPlacement& placement = waited->vm().status().placement();
  const auto pull = engine_.PullOf(placement.host(), placement.image_digest());
  if (!pull) return "";
  const std::string what = absl::StrCat(" ", placement.host(), " pulls its image: ");
  if (pull->total_bytes() <= 0) return absl::StrCat(what, "it has just begun.");
  return absl::StrCat(what, pull->done_bytes() * 100 / pull->total_bytes(), " % of ",
                      SizeText(static_cast<double>(pull->total_bytes())), " are there.");
}

Resource Operations::Await(Resource stored, const Value& planned, absl::string_view step,
                           Diagnostics& diagnostics) {
  const Wish wish = WishOf(planned);
  if (ReadinessOf(stored, wish).progress == Verdict::Progress::kDone) return stored;
  const Ref ref = RefOf(stored);
  const std::string uid = stored.metadata().uid();
  const std::int64_t revision = stored.metadata().revision();
  const absl::Duration timeout = TimeoutOf(ref, planned, step);
  WaitResult waited = engine_.Wait(ref, timeout, [&](const Resource* seen) -> Verdict {
    if (seen == nullptr || seen->metadata().uid() != uid) {
      return {Verdict::Progress::kFailed, "It was deleted by somebody else while it was awaited."};
    }
    // A watch may begin with a picture from before the write.
    if (seen->metadata().revision() < revision) return {Verdict::Progress::kWaiting, ""};
    return ReadinessOf(*seen, wish);
  });
  const std::string done = absl::StrCat(step == "create" ? "Created " : "Updated ", ToHuman(ref));
  switch (waited.end) {
    case WaitResult::End::kDone:
      break;
    case WaitResult::End::kFailed:
      diagnostics.Error(absl::StrCat(done, ", but it does not get ready"), waited.why);
      break;
    case WaitResult::End::kTimedOut:
      diagnostics.Error(
          absl::StrCat(done, ", but it is not ready yet"),
          absl::StrCat("It was not ready after ", absl::FormatDuration(timeout), ". ", waited.why,
                       PullText(waited.last), "\n\nThe engine goes on trying. `timeouts.", step,
                       "` sets how long to wait."));
      break;
    case WaitResult::End::kStopped:
      // No error: an error would taint the object, and the next run would make it anew.
      diagnostics.Warning(
          absl::StrCat("Did not wait for ", ToHuman(ref)),
          absl::StrCat("The run was interrupted. What was asked for is stored and the engine goes "
                       "on with it. ",
                       waited.why));
      break;
  }
  const bool seen = waited.last && waited.last->metadata().uid() == uid &&
                    waited.last->metadata().revision() >= revision;
  return seen ? *std::move(waited.last) : std::move(stored);
}

Outcome Operations::Update(const Schema& schema, const Value& prior, const Value& planned,
                           const Value& wanted, const PrivateData& kept) {
  Outcome outcome;
  outcome.kept = kept;
  const Ref ref = RefFor(schema, planned);
  const std::string uid = UidOf(prior);
  if (kept.takeover == Takeover::kNone && !TouchesEngine(schema, prior, planned)) {
    outcome.state = Settle(planned, prior);
    return outcome;
  }
  const std::string summary = absl::StrCat("Cannot update ", ToHuman(ref));
  absl::StatusOr<Resource> stored = Write(schema, wanted, uid, kept, summary, outcome.diagnostics);
  if (!stored.ok()) {
    // Nothing was changed: the prior state still tells the truth.
    outcome.state = prior;
    return outcome;
  }
  LogChange("object updated", ref, uid);
  if (!uid.empty() && stored->metadata().uid() != uid) {
    incarnations_.Remember(ref, stored->metadata().uid());
    outcome.diagnostics.Error(
        summary,
        "The engine replaced the object instead of changing it. The next plan "
        "shows the new one.");
  }
  const Resource last = Await(*std::move(stored), planned, "update", outcome.diagnostics);
  outcome.state = Settle(planned, StateOf(schema, last, planned));
  outcome.kept = {.generation = last.metadata().generation()};
  return outcome;
}

Outcome Operations::Delete(const Schema& schema, const Value& prior, const PrivateData& kept) {
  const Ref ref = RefFor(schema, prior);
  const std::string summary = absl::StrCat("Cannot delete ", ToHuman(ref));
  Outcome outcome;
  // Until the object is seen to be gone, it stays in state.
  outcome.state = prior;
  outcome.kept = kept;
  const bool gone = IsBuiltin(schema, ref)
                        ? Release(ref, summary, outcome.diagnostics)
                        : Destroy(ref, UidOf(prior), TimeoutOf(ref, prior, "delete"), summary,
                                  outcome.diagnostics);
  if (!gone) return outcome;
  LogChange("object is gone from state", ref, UidOf(prior));
  incarnations_.Forget(ref);
  return {.diagnostics = std::move(outcome.diagnostics)};
}

bool Operations::Release(const Ref& ref, absl::string_view summary, Diagnostics& diagnostics) {
  const absl::StatusOr<ApplyResult> result = engine_.Release(ref);
  if (!result.ok()) {
    diagnostics.Failure(summary, result.status());
    return false;
  }
  AddProblems(summary, *result, diagnostics);
  return !HasErrors(*result);
}

bool Operations::Destroy(const Ref& ref, const std::string& uid, absl::Duration timeout,
                         absl::string_view summary, Diagnostics& diagnostics) {
  const auto is_gone = [&](const Resource* seen) {
    return seen == nullptr || (!uid.empty() && seen->metadata().uid() != uid);
  };
  const absl::StatusOr<ApplyResult> result = engine_.Delete(ref, uid, /*dry_run=*/false);
  if (absl::IsNotFound(result.status())) return true;
  if (absl::IsAborted(result.status())) {
    // Perhaps because another incarnation stands there: then ours is gone.
    const absl::StatusOr<Resource> there = engine_.Get(ref);
    if (absl::IsNotFound(there.status()) || (there.ok() && is_gone(&*there))) return true;
  }
  if (!result.ok()) {
    diagnostics.Failure(summary, result.status());
    return false;
  }
  AddProblems(summary, *result, diagnostics);
  if (HasErrors(*result)) return false;
  const WaitResult waited = engine_.Wait(ref, timeout, [&](const Resource* seen) -> Verdict {
    if (is_gone(seen)) return {Verdict::Progress::kDone, ""};
    return {Verdict::Progress::kWaiting, ReadinessOf(*seen).why};
  });
  if (waited.end == WaitResult::End::kStopped) {
    diagnostics.Error(absl::StrCat("Did not wait until ", ToHuman(ref), " is gone"),
                      "The run was interrupted. The engine goes on deleting it.");
  } else if (waited.end != WaitResult::End::kDone) {
    diagnostics.Error(
        absl::StrCat("Asked for the end of ", ToHuman(ref), ", but it is not gone yet"),
        absl::StrCat(
            "It was still there after ", absl::FormatDuration(timeout), ". ", waited.why,
            "\n\nThe engine goes on deleting it. `timeouts.delete` sets how long to wait."));
  }
  return waited.end == WaitResult::End::kDone;
}

Outcome Operations::Read(const Schema& schema, const Value& state, const PrivateData& kept) {
  const Ref ref = RefFor(schema, state);
  const absl::StatusOr<Resource> found = engine_.Get(ref);
  if (!found.ok() && !absl::IsNotFound(found.status())) {
    Outcome outcome;
    outcome.state = state;
    outcome.kept = kept;
    outcome.diagnostics.Failure(absl::StrCat("Cannot read ", ToHuman(ref)), found.status());
    return outcome;
  }
  return StateFrom(found.ok() ? &*found : nullptr, schema, state, kept);
}

absl::StatusOr<Objects> Operations::Find(absl::Span<const Ref> refs) {
  return engine_.GetAll(refs);
}

Outcome Operations::ReadFrom(const Objects& objects, const Schema& schema, const Value& state,
                             const PrivateData& kept) {
  const auto found = objects.find(RefFor(schema, state));
  return StateFrom(found != objects.end() ? &found->second : nullptr, schema, state, kept);
}

Outcome Operations::StateFrom(const Resource* found, const Schema& schema, const Value& state,
                              const PrivateData& kept) {
  Outcome outcome;
  const Ref ref = RefFor(schema, state);
  const std::string uid = UidOf(state);
  if (found == nullptr) {
    incarnations_.Forget(ref);
    return outcome;
  }
  const bool reborn = !uid.empty() && found->metadata().uid() != uid;
  // Of the same name but another incarnation and another's: ours is gone.
  if (reborn && !engine_.Owns(*found)) {
    outcome.diagnostics.Warning(
        absl::StrCat(ToHuman(ref), " is another object now"),
        absl::StrCat(
            "The object that this configuration made is gone. One of the same name belongs "
            "to ",
            OwnerText(found->metadata().owner()), "."));
    return outcome;
  }
  outcome.state = StateOf(schema, *found, state);
  outcome.kept = {.takeover = kept.takeover, .generation = found->metadata().generation()};
  incarnations_.Remember(ref, found->metadata().uid());
  if (engine_.Owns(*found))
    WarnOfOtherHands(found->metadata(), ref, engine_.Now(), outcome.diagnostics);
  return outcome;
}

Outcome Operations::Import(const Schema& schema, const Ref& ref, bool transfer) {
  Outcome outcome;
  const absl::StatusOr<Resource> found = engine_.Get(ref);
  const std::string summary = absl::StrCat("Cannot import ", ToHuman(ref));
  if (absl::IsNotFound(found.status())) {
    outcome.diagnostics.Error(summary, "There is no such object.");
    return outcome;
  }
  if (!found.ok()) {
    outcome.diagnostics.Failure(summary, found.status());
    return outcome;
  }
  if (!HasOwner(*found)) {
    outcome.kept.takeover = Takeover::kAdopt;
  } else if (!engine_.Owns(*found)) {
    outcome.kept.takeover = Takeover::kTransfer;
  }
  if (outcome.kept.takeover == Takeover::kTransfer && !transfer) {
    outcome.diagnostics.Error(
        summary, absl::StrCat("It belongs to ", OwnerText(found->metadata().owner()),
                              ", and an object follows one manager only. To let ",
                              OwnerText(engine_.owner()),
                              " take it over, set `transfer = true` in the provider block, or "
                              "ESPALIER_TRANSFER=true in the environment, for this import."));
    return outcome;
  }
  outcome.state = StateOf(schema, *found, Value());
  outcome.kept.generation = found->metadata().generation();
  incarnations_.Remember(ref, found->metadata().uid());
  return outcome;
}

void Operations::List(Query query, absl::FunctionRef<bool(const Resource&)> visit,
                      Diagnostics& diagnostics) {
  const std::string summary = absl::StrCat("Cannot list ", FindKind(query.kinds(0))->plural);
  const absl::Status status = engine_.List(std::move(query), visit);
  if (!status.ok()) diagnostics.Failure(summary, status);
}

Outcome Operations::ReadData(const Schema& schema, const Value& config,
                             const Value& default_namespace) {
  Outcome outcome;
  Value named = config;
  if (schema.kind->namespaced && named.At(kNamespace).is_null()) {
    named.Set(kNamespace, default_namespace);
  }
  if (named.At(kNamespace).is_unknown()) {
    outcome.diagnostics.Error("Namespace not known yet",
                              "The provider's namespace comes from something that does not exist "
                              "yet. Name one here, or apply that first, with -target.");
    return outcome;
  }
  const Ref ref = RefFor(schema, named);
  const absl::StatusOr<Resource> found = engine_.Get(ref);
  if (absl::IsNotFound(found.status())) {
    outcome.diagnostics.Error(absl::StrCat(ToHuman(ref), " does not exist"),
                              "A data source reads what is there already.", {AttributeStep(kName)});
  } else if (!found.ok()) {
    outcome.diagnostics.Failure(absl::StrCat("Cannot read ", ToHuman(ref)), found.status());
  } else {
    outcome.state = ToValue(schema.attributes, *found);
  }
  return outcome;
}

}  // namespace espalier::provider
