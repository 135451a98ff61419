#include "engine/plan/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/model/access.h"
#include "engine/model/codec.h"
#include "engine/model/diff.h"
#include "engine/model/field.h"
#include "engine/model/hold.h"
#include "engine/model/policy.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/plan/admission.h"
#include "engine/plan/budget.h"
#include "engine/plan/holds.h"
#include "engine/plan/left_alone.h"
#include "engine/plan/order.h"
#include "engine/plan/ownership.h"
#include "engine/plan/quota.h"
#include "engine/plan/source_order.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using v1::Action;

constexpr char kUndeclared[] = "not declared any more";

bool ChangesSecrets(const Action& action) {
  return std::any_of(action.changes().begin(), action.changes().end(),
                     [](const FieldChange& change) { return change.after() == kSecretChange; });
}

// Makes one plan. Lives for one call.
class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input),
        request_(input.request),
        objects_(input.objects),
        ignored_(input.request.ignore()) {}

  absl::StatusOr<PlanOutput> Run() {
    ESPALIER_RETURN_IF_ERROR(CheckPremises());
    CheckSourceSuspension();
    std::map<Ref, std::vector<Ref>> references;
    for (const v1::Declared& declared : request_.objects()) {
      const Ref ref = RefOf(declared.resource());
      const auto [at, is_new] = declared_.emplace(ref, &declared);
      if (!is_new) {
        AddError(declared, "duplicate_object", "",
                 absl::StrCat("is declared twice, at ", at->second->source(), " and at ",
                              declared.source()));
        continue;
      }
      for (const Reference& reference : ReferencesOf(declared.resource())) {
        references[ref].push_back(reference.target);
      }
      references[ref];
    }
    for (const v1::Ref& released : request_.release()) {
      ESPALIER_ASSIGN_OR_RETURN(const Ref ref, FromProto(released));
      released_.insert(ref);
    }
    for (const Ref& ref : InReferenceOrder(references, out_.problems)) {
      ESPALIER_RETURN_IF_ERROR(PlanDeclared(ref, *declared_.at(ref)));
    }
    CheckSourceOrder(objects_, declared_, !request_.dry_run(), out_.problems);
    NoteMissingReferences();
    for (const Ref& ref : released_) PlanRelease(ref);
    ESPALIER_RETURN_IF_ERROR(PlanHolds());
    if (request_.has_prune()) PlanPrune();
    Finish();
    return std::move(out_);
  }

  // The plan of one deletion asked for by name.
  absl::StatusOr<PlanOutput> RunDelete(const v1::DeleteRequest& request) {
    ESPALIER_ASSIGN_OR_RETURN(const Ref ref, FromProto(request.ref()));
    const Resource* current = objects_.Find(ref);
    if (current == nullptr)
      return absl::NotFoundError(absl::StrCat(ToHuman(ref), " does not exist"));
    if (!request.uid().empty() && request.uid() != current->metadata().uid()) {
      return absl::AbortedError(absl::StrCat(ToHuman(ref), " is another incarnation by now"));
    }
    if (request.revision() != 0 && request.revision() != current->metadata().revision()) {
      return absl::AbortedError(absl::StrCat(ToHuman(ref), " has changed since it was read"));
    }
    const Claim claim =
        ClaimOf(request.owner(), current->metadata(), false, request.has_override());
    const v1::Hold* suspended = StandingHold(current->metadata(), kSuspendHold, input_.now);
    if (claim == Claim::kConflict || claim == Claim::kMemberOnly) {
      out_.problems.Append(ConflictProblem(claim, *current, request.owner(), "delete"));
    } else if (suspended != nullptr && !request.has_override()) {
      Problem& problem =
          out_.problems.Error("suspended", "",
                              absl::StrCat("is ", SuspendedText(*suspended),
                                           "; resume it first, or give a reason to override"));
      *problem.mutable_ref() = request.ref();
    } else {
      const std::string reason =
          claim == Claim::kOverride
              ? absl::StrCat("override by ", input_.actor, ": ", request.override().reason())
              : "asked for by name";
      PlanDelete(*current, reason, {ref}, claim == Claim::kOverride);
    }
    Finish();
    return std::move(out_);
  }

 private:
  Problem& AddError(const v1::Declared& declared, ProblemCode code, absl::string_view path,
                    absl::string_view message) {
    Problem& problem = out_.problems.Error(code, path, message);
    *problem.mutable_ref() = ToProto(RefOf(declared.resource()));
    SetPosition(declared.source(), problem);
    return problem;
  }

  bool IsNotFromGit(const KindInfo& info) const {
    return request_.owner().manager() == v1::Owner::GIT && info.not_from_git;
  }

  bool InScope(const Ref& ref, std::string& why) const {
    const KindInfo& info = InfoOf(ref.kind);
    if (IsNotFromGit(info)) {
      why = absl::StrCat("a ", info.name, " says who may declare what, so git may not declare one");
      return false;
    }
    const v1::Scope& scope = request_.scope();
    const auto contains = [](const auto& list, const auto& matches) {
      return list.empty() || std::any_of(list.begin(), list.end(), matches);
    };
    if (!contains(scope.kinds(),
                  [&](const std::string& kind) { return FindKind(kind) == &info; })) {
      why = absl::StrCat("this source may not write kind ", info.name);
      return false;
    }
    if (info.namespaced &&
        !contains(scope.namespaces(), [&](const std::string& name) { return name == ref.ns; })) {
      why = absl::StrCat("this source may not write namespace ", ref.ns);
      return false;
    }
    return true;
  }

  absl::Status PlanDeclared(const Ref& ref, const v1::Declared& declared) {
    if (std::string why; !InScope(ref, why)) {
      AddError(declared,
               IsNotFromGit(InfoOf(ref.kind)) ? ProblemCode("not_from_git")
                                              : ProblemCode("outside_scope"),
               "", why);
      return absl::OkStatus();
    }
    const Resource* current = objects_.Find(ref);
    ESPALIER_RETURN_IF_ERROR(CheckIncarnation(ref, declared, current));
    const ObjectPolicies policies = PoliciesOf(declared.resource().metadata().annotations());
    if (!CheckPoliciesOfTerraform(declared, policies)) return absl::OkStatus();
    if (!policies.managed) {
      PlanUnmanaged(ref, declared, current);
      return absl::OkStatus();
    }
    if (current == nullptr) {
      PlanCreate(ref, declared);
      return absl::OkStatus();
    }
    if (current->metadata().has_deleting_since()) {
      AddError(
          declared, "deleting", "",
          absl::StrCat("is being deleted since ", TimeText(current->metadata().deleting_since()),
                       "; it can be declared again once it is gone"));
      return absl::OkStatus();
    }
    const Claim claim = ClaimOf(request_.owner(), current->metadata(), request_.transfer(),
                                request_.has_override());
    if (claim == Claim::kConflict || claim == Claim::kMemberOnly) {
      Problem problem = ConflictProblem(claim, *current, DeclaredOwner(declared), "declare");
      SetPosition(declared.source(), problem);
      out_.problems.Append(problem);
      return absl::OkStatus();
    }
    if (claim == Claim::kOwn && declared.create_only()) {
      AddError(declared, "already_exists", "",
               request_.owner().manager() == v1::Owner::TERRAFORM
                   ? absl::StrCat("exists and belongs to this instance already (",
                                  OwnerText(current->metadata().owner()), "); import it as ",
                                  ImportId(ref))
                   : "exists already");
      return absl::OkStatus();
    }
    const v1::Hold* suspended = StandingHold(current->metadata(), kSuspendHold, input_.now);
    if (suspended != nullptr && claim != Claim::kOverride) {
      PlanWaiting(ref, declared, *current, "suspended", SuspendedText(*suspended));
      return absl::OkStatus();
    }
    PlanExisting(ref, declared, *current, claim, policies);
    return absl::OkStatus();
  }

  // The source that the request speaks for; null if it speaks for none, or for one that is gone.
  const Resource* Source() const {
    if (request_.owner().manager() != v1::Owner::GIT) return nullptr;
    return objects_.Find(Ref{Kind::kGitSource, "", request_.owner().instance()});
  }

  // Nothing is applied for a source that is suspended, or while all of them are: then the hold
  // stands on the Cluster. Its plans say so. A word about the source alone applies nothing: that is
  // how it is resumed.
  void CheckSourceSuspension() {
    const Resource* source = Source();
    const bool holds_alone = request_.holds_size() > 0 && request_.objects().empty() &&
                             request_.release().empty() && !request_.has_prune();
    if (source == nullptr || holds_alone) return;
    for (const Resource* holder : {source, objects_.Find(Ref{Kind::kCluster, "", "default"})}) {
      if (holder == nullptr) continue;
      const v1::Hold* hold = StandingHold(holder->metadata(), kSuspendHold, input_.now);
      if (hold == nullptr) continue;
      Problem& problem =
          out_.problems.Add(request_.dry_run() ? Problem::NOTE : Problem::ERROR, "suspended", "",
                            absl::StrCat("is ", SuspendedText(*hold), "; nothing of git_source ",
                                         source->metadata().name(), " is applied"));
      *problem.mutable_ref() = ToProto(RefOf(*holder));
    }
  }

  // Terraform compares what it declared with what became of it, and calls what differs a bug: what
  // it shall leave alone has to be said to Terraform itself.
  bool CheckPoliciesOfTerraform(const v1::Declared& declared, const ObjectPolicies& policies) {
    if (request_.owner().manager() != v1::Owner::TERRAFORM) return true;
    const auto refuse = [&](const char* policy, absl::string_view instead) {
      AddError(declared, "not_for_terraform", absl::StrCat("metadata.annotations[", policy, "]"),
               absl::StrCat("is not for Terraform; use ", instead));
    };
    if (!policies.ignore.empty()) refuse(kIgnorePolicy, "lifecycle { ignore_changes = [...] }");
    if (policies.create_only) refuse(kCreateOnlyPolicy, "lifecycle { ignore_changes = all }");
    if (!policies.managed) refuse(kManagedPolicy, "a removed block");
    if (policies.ready_timeout.has_value()) refuse(kReadyTimeoutPolicy, "timeouts");
    return policies.ignore.empty() && !policies.create_only && policies.managed &&
           !policies.ready_timeout.has_value();
  }

  // Declared, and declared to be nobody's: what the owner has is given up.
  void PlanUnmanaged(const Ref& ref, const v1::Declared& declared, const Resource* current) {
    const bool owned = current != nullptr && !current->metadata().has_deleting_since() &&
                       SameOwner(request_.owner(), current->metadata().owner());
    if (owned) {
      AddRelease(*current, absl::StrCat(kManagedPolicy, " is disabled"));
      return;
    }
    Action& noop =
        AddAction(Action::NOOP, ref, absl::StrCat("not managed: ", kManagedPolicy, " is disabled"));
    if (current != nullptr) Describe(*current, declared.source(), noop);
    noop.set_source(declared.source());
  }

  // What Terraform proves by the uid in its state, and what a reader proves by a revision.
  absl::Status CheckIncarnation(const Ref& ref, const v1::Declared& declared,
                                const Resource* current) const {
    if (!declared.uid().empty() &&
        (current == nullptr || current->metadata().uid() != declared.uid())) {
      return absl::AbortedError(absl::StrCat(
          ToHuman(ref), current == nullptr ? " is gone" : " is another incarnation by now"));
    }
    if (declared.revision() != 0 &&
        (current == nullptr || current->metadata().revision() != declared.revision())) {
      return absl::AbortedError(absl::StrCat(ToHuman(ref), " has changed since it was read"));
    }
    // Where it is another incarnation, the uid says so.
    if (declared.generation() != 0 && current != nullptr &&
        current->metadata().generation() != declared.generation()) {
      return absl::AbortedError(
          absl::StrCat("the spec of ", ToHuman(ref), " has changed since it was read: generation ",
                       declared.generation(), " then, ", current->metadata().generation(), " now"));
    }
    return absl::OkStatus();
  }

  // What the caller goes by beside its own objects.
  absl::Status CheckPremises() {
    for (const v1::Premise& premise : request_.premises()) {
      ESPALIER_ASSIGN_OR_RETURN(const Ref ref, FromProto(premise.ref()));
      const Resource* current = objects_.Find(ref);
      const std::int64_t revision = current == nullptr ? 0 : current->metadata().revision();
      if (revision == premise.revision()) continue;
      return absl::AbortedError(absl::StrCat(ToHuman(ref), current == nullptr ? " is gone"
                                                           : premise.revision() == 0
                                                               ? " exists by now"
                                                               : " has changed since it was read"));
    }
    return absl::OkStatus();
  }

  v1::Owner DeclaredOwner(const v1::Declared& declared) const {
    v1::Owner owner = request_.owner();
    owner.set_source(declared.source());
    return owner;
  }

  void PlanCreate(const Ref& ref, const v1::Declared& declared) {
    Resource after;
    SetKind(after, ref.kind);
    *after.mutable_metadata() = DeclaredMetadata(declared.resource());
    *after.mutable_metadata()->mutable_annotations() =
        Notes(declared.resource().metadata().annotations(), {});
    after.mutable_metadata()->set_namespace_(ref.ns);
    MutableSpec(after)->CopyFrom(SpecOf(declared.resource()));
    *after.mutable_metadata()->mutable_owner() = DeclaredOwner(declared);
    Resource nothing;
    SetKind(nothing, ref.kind);

    Action& action = AddAction(Action::CREATE, ref, "declared");
    action.set_source(declared.source());
    AddChanges(Diff(nothing, after, Unknown(declared)), action);
    // What comes into being replaces nothing, whatever of it is immutable.
    for (v1::FieldChange& change : *action.mutable_changes()) change.set_forces_replace(false);
    PlannedWrite& write = AddWrite(ref);
    write.after = std::move(after);
    write.new_incarnation = true;
    write.spec_changed = true;
  }

  Annotations Notes(const Annotations& declared, const Annotations& standing) const {
    return WithEngineNotes(declared, standing, request_.owner().manager() == v1::Owner::CONTROLLER);
  }

  void PlanExisting(const Ref& ref, const v1::Declared& declared, const Resource& current,
                    Claim claim, const ObjectPolicies& policies) {
    const v1::Metadata& before = current.metadata();
    Resource after = current;
    v1::Metadata& metadata = *after.mutable_metadata();
    const v1::Metadata wanted = DeclaredMetadata(declared.resource());
    *metadata.mutable_labels() = wanted.labels();
    *metadata.mutable_annotations() = Notes(wanted.annotations(), before.annotations());
    MutableSpec(after)->CopyFrom(SpecOf(declared.resource()));
    std::string kept;
    if (claim == Claim::kOverride) {
      // Policies are the owner's word about its own declarations.
      *metadata.mutable_annotations() = WithPolicies(metadata.annotations(), before.annotations());
    } else {
      kept = LeaveAlone(current, policies, ignored_, after);
    }

    std::vector<FieldChange> changes = Diff(current, after, Unknown(declared));
    const bool replaces =
        std::any_of(changes.begin(), changes.end(),
                    [](const FieldChange& change) { return change.forces_replace(); });
    const bool held = claim == Claim::kOwn && before.has_edited() && IsHeld(before.edited());
    if (held && !changes.empty()) {
      const v1::Edited& edited = before.edited();
      PlanWaiting(ref, declared, current, "held",
                  absl::StrCat("held until ", TimeText(edited.hold_until()), " by ", edited.actor(),
                               ": ", edited.reason()));
      return;
    }
    if (!kept.empty() && !changes.empty()) CheckMixture(declared, after);

    Action::Verb verb = Action::UPDATE;
    std::string reason = "declared differently";
    if (claim == Claim::kAdopt || claim == Claim::kTransfer) {
      verb = Action::ADOPT;
      reason = claim == Claim::kAdopt ? "belongs to nobody yet"
                                      : absl::StrCat("taken over from ", OwnerText(before.owner()));
      FieldChange owner;
      owner.set_path("metadata.owner");
      if (HasOwner(before)) owner.set_before(absl::StrCat("\"", OwnerText(before.owner()), "\""));
      owner.set_after(absl::StrCat("\"", OwnerText(DeclaredOwner(declared)), "\""));
      changes.insert(changes.begin(), std::move(owner));
    } else if (claim == Claim::kOverride) {
      reason = absl::StrCat("override by ", input_.actor, ": ", request_.override().reason());
    } else if (before.has_edited() && !changes.empty()) {
      reason = absl::StrCat("takes back what ", before.edited().actor(), " changed");
    }
    if (replaces && !policies.recreate && claim != Claim::kOverride) {
      AddError(declared, "recreate_disabled", FirstReplacing(changes),
               absl::StrCat("is immutable: the object would be replaced, and ", kRecreatePolicy,
                            " is disabled"));
      return;
    }
    if (replaces) {
      verb = Action::REPLACE;
      reason = absl::StrCat(reason, "; ", FirstReplacing(changes), " is immutable");
    }
    if (changes.empty())
      reason = absl::StrCat("accepts what ", before.edited().actor(), " changed");
    if (!kept.empty()) absl::StrAppend(&reason, "; ", kept);
    const bool clears_edit = before.has_edited() && claim != Claim::kOverride;
    if (changes.empty() && !clears_edit) {
      Action& noop = AddAction(Action::NOOP, ref, kept.empty() ? "as declared" : kept);
      Describe(current, declared.source(), noop);
      return;
    }

    Action& action = AddAction(verb, ref, reason);
    Describe(current, declared.source(), action);
    AddChanges(changes, action);
    if (claim == Claim::kOverride) {
      RecordEdit(current, metadata);
    } else {
      metadata.clear_edited();
      *metadata.mutable_owner() = DeclaredOwner(declared);
    }
    PlannedWrite& write = AddWrite(ref);
    write.base_revision = before.revision();
    write.spec_changed = !changes.empty();
    if (replaces) {
      write.new_incarnation = true;
      StartNewIncarnation(current, after);
      ++out_.destroys;
    }
    write.after = std::move(after);
  }

  // What two hands made together is nobody's valid object by itself.
  void CheckMixture(const v1::Declared& declared, const Resource& after) {
    Problems found;
    Validate(after, {}, found);
    for (Problem& problem : found.list()) {
      if (problem.severity() != Problem::ERROR) continue;
      problem.set_message(absl::StrCat("with what is left alone: ", problem.message()));
      SetPosition(declared.source(), problem);
      out_.problems.Append(problem);
    }
  }

  // Somebody's word stands against the owner's declaration, which waits. Terraform cannot be told
  // "later" (its state would lie), so for it this is an error.
  void PlanWaiting(const Ref& ref, const v1::Declared& declared, const Resource& current,
                   ProblemCode code, const std::string& text) {
    if (request_.owner().manager() == v1::Owner::TERRAFORM) {
      AddError(declared, code, "", absl::StrCat("is ", text));
      return;
    }
    KeepAsItIs(current, declared.source(), text, text);
    Problem& note = out_.problems.Note(code, "", text);
    *note.mutable_ref() = ToProto(ref);
    SetPosition(declared.source(), note);
  }

  // An object that the owner would change and does not: `hold` says what stands in the way.
  void KeepAsItIs(const Resource& current, const std::string& source, absl::string_view reason,
                  const std::string& hold) {
    Action& noop = AddAction(Action::NOOP, RefOf(current), reason);
    Describe(current, source, noop);
    if (!StandingHold(current.metadata(), kSuspendHold, input_.now)) noop.add_holds(hold);
  }

  void PlanRelease(const Ref& ref) {
    const Resource* current = objects_.Find(ref);
    if (current == nullptr || !SameOwner(request_.owner(), current->metadata().owner())) {
      Problem& note = out_.problems.Note("not_owned", "", "is not this owner's to give up");
      *note.mutable_ref() = ToProto(ref);
      return;
    }
    AddRelease(*current, "given up, stays as it is");
  }

  void AddRelease(const Resource& current, absl::string_view reason) {
    const Ref ref = RefOf(current);
    const std::string& source = current.metadata().owner().source();
    if (const v1::Hold* hold = StandingHold(current.metadata(), kSuspendHold, input_.now)) {
      KeepAsItIs(current, source, SuspendedText(*hold), "");
      return;
    }
    Action& action = AddAction(Action::RELEASE, ref, reason);
    Describe(current, source, action);
    PlannedWrite& write = AddWrite(ref);
    write.base_revision = current.metadata().revision();
    write.after = current;
    write.after->mutable_metadata()->clear_owner();
    write.after->mutable_metadata()->clear_edited();
  }

  absl::Status PlanHolds() {
    for (const v1::HoldChange& change : request_.holds()) {
      ESPALIER_ASSIGN_OR_RETURN(const Ref ref, FromProto(change.ref()));
      const Resource* current = objects_.Find(ref);
      if (current == nullptr) {
        Problem& problem = out_.problems.Error("not_found", "", "does not exist");
        *problem.mutable_ref() = ToProto(ref);
        continue;
      }
      PlanHold(ref, *current, change);
    }
    return absl::OkStatus();
  }

  void PlanHold(const Ref& ref, const Resource& current, const v1::HoldChange& change) {
    if (const std::string why = change.clear() ? "" : WhyNoHold(change, ref.kind); !why.empty()) {
      Problem& problem = out_.problems.Error("invalid_value", "metadata.holds", why);
      *problem.mutable_ref() = ToProto(ref);
      return;
    }
    const auto& holds = current.metadata().holds();
    const auto standing = holds.find(change.hold());
    if (change.clear() && standing == holds.end()) {
      Describe(current, "", AddAction(Action::NOOP, ref, absl::StrCat("has no ", change.hold())));
      return;
    }
    FieldChange difference;
    difference.set_path(absl::StrCat("metadata.holds[", change.hold(), "]"));
    if (standing != holds.end()) difference.set_before(HoldText(standing->second));
    Resource after = current;
    if (change.clear()) {
      after.mutable_metadata()->mutable_holds()->erase(change.hold());
    } else {
      v1::Hold& hold = (*after.mutable_metadata()->mutable_holds())[change.hold()];
      hold.Clear();
      hold.set_by(input_.actor);
      hold.set_why(change.why());
      SetTime(input_.now, *hold.mutable_since());
      if (change.seconds() > 0) {
        SetTime(input_.now + absl::Seconds(change.seconds()), *hold.mutable_until());
      }
      difference.set_after(HoldText(hold));
    }
    Action& action =
        AddAction(Action::UPDATE, ref,
                  absl::StrCat(change.clear() ? "hold ends: " : "hold: ", change.hold()));
    Describe(current, "", action);
    *action.add_changes() = difference;
    const bool disrupts = change.hold() == "drain" || change.hold() == "power";
    if (disrupts && !change.clear()) action.set_risk(Action::DISRUPTIVE);
    PlannedWrite& write = AddWrite(ref);
    write.base_revision = current.metadata().revision();
    write.after = std::move(after);
  }

  // Deletes what this owner has in scope and does not declare any more.
  void PlanPrune() {
    std::map<Ref, const Resource*> gone;
    std::set<Ref> going;
    std::map<Ref, std::string> kept;
    objects_.ForEach([&](const Resource& resource) {
      if (!SameOwner(request_.owner(), resource.metadata().owner())) return;
      const Ref ref = RefOf(resource);
      if (std::string why; declared_.contains(ref) || released_.contains(ref) ||
                           resource.metadata().has_deleting_since() || !InScope(ref, why)) {
        return;
      }
      gone[ref] = &resource;
      std::string why_kept = WhyNotPruned(resource, input_.now);
      if (why_kept.empty()) {
        going.insert(ref);
      } else {
        kept[ref] = std::move(why_kept);
      }
    });
    if (gone.empty()) return;
    if (!request_.prune().whole_scope_loaded()) {
      out_.problems.Error("incomplete_scope", "",
                          "nothing is pruned unless the whole scope was loaded and is valid");
      return;
    }
    // A set that is empty is far more often a mistake than a wish. A source that is gone has said
    // what becomes of its objects.
    const bool farewell = request_.owner().manager() == v1::Owner::GIT && Source() == nullptr;
    if (declared_.empty() && !farewell) {
      out_.problems.Error(
          "empty_set", "",
          absl::StrCat("declares nothing, so nothing is pruned: ", gone.size(),
                       gone.size() == 1 ? " object stays" : " objects stay",
                       "; delete them by name, or their git_source with on_delete: prune"));
      return;
    }
    std::map<Ref, std::vector<Ref>> references;
    for (const Ref& ref : going) {
      for (const Reference& reference : ReferencesOf(*gone.at(ref))) {
        references[ref].push_back(reference.target);
      }
      references[ref];
    }
    std::vector<Ref> order = InReferenceOrder(references, out_.problems);
    std::reverse(order.begin(), order.end());
    for (const auto& [ref, why] : kept) KeepUndeclared(*gone.at(ref), why);
    for (const Ref& ref : order) {
      const Resource& resource = *gone.at(ref);
      const std::string why_not = WhyNotDeletable(objects_, resource, going);
      if (why_not.empty()) {
        PlanDelete(resource, kUndeclared, going, false);
        continue;
      }
      // It stays this owner's, so that the next apply tries again; the rest of the set need not
      // wait.
      KeepUndeclared(resource, why_not);
      Problem& warning = out_.problems.Warning("not_pruned", "", why_not);
      *warning.mutable_ref() = ToProto(ref);
    }
  }

  void KeepUndeclared(const Resource& resource, const std::string& why) {
    KeepAsItIs(resource, resource.metadata().owner().source(),
               absl::StrCat(kUndeclared, "; kept: ", why), why);
  }

  // The VMs with a running job that go, also with their pool.
  std::vector<std::string> ClaimedAndDestroyed() const {
    std::set<std::string> going;
    for (const Action& action : out_.plan.actions()) {
      if (action.risk() == Action::DESTRUCTIVE) going.insert(ToString(*FromProto(action.ref())));
    }
    std::vector<std::string> claimed;
    objects_.ForEach([&](const Resource& resource) {
      const v1::Hold* claim = StandingHold(resource.metadata(), kClaimHold, input_.now);
      if (claim == nullptr) return;
      const v1::Owner& owner = resource.metadata().owner();
      const bool with_pool =
          owner.manager() == v1::Owner::CONTROLLER && going.contains(owner.instance());
      if (!with_pool && !going.contains(ToString(RefOf(resource)))) return;
      claimed.push_back(absl::StrCat(ToHuman(RefOf(resource)), " (", ClaimedText(*claim), ")"));
    });
    return claimed;
  }

  // What one owner destroys at once is bounded, unless somebody confirmed this very plan. Replacing
  // destroys too, also where git corrects single objects and prunes nothing.
  // Controllers make what was counted when it was declared.
  void CheckQuotas() {
    if (request_.owner().manager() == v1::Owner::CONTROLLER) return;
    static const EarlierObjects kNone;
    Problems problems;
    espalier::CheckQuotas(objects_, out_.writes,
                          input_.earlier == nullptr ? kNone : *input_.earlier, problems);
    for (Problem& problem : problems.list()) {
      const absl::StatusOr<Ref> ref = FromProto(problem.ref());
      const auto declared = ref.ok() ? declared_.find(*ref) : declared_.end();
      if (declared != declared_.end()) SetPosition(declared->second->source(), problem);
    }
    out_.problems.Append(problems);
  }

  void CheckBudget() {
    const Resource* source = Source();
    if (out_.destroys == 0 || (!request_.has_prune() && source == nullptr)) return;
    static const v1::ClusterSpec kNoSpec;
    const Resource* cluster = objects_.Find(Ref{Kind::kCluster, "", "default"});
    const Budget budget =
        BudgetOf(cluster == nullptr ? kNoSpec : cluster->cluster().spec(),
                 source == nullptr ? v1::DestructionBudget()
                                   : source->git_source().spec().destruction_budget(),
                 request_.prune());
    std::int64_t owned = 0;
    objects_.ForEach([&](const Resource& resource) {
      if (SameOwner(request_.owner(), resource.metadata().owner())) ++owned;
    });
    std::string why = WhyOverBudget(budget, owned, input_.destroyed_lately, out_.destroys);
    if (why.empty()) why = WhyOverClaims(budget, ClaimedAndDestroyed());
    if (why.empty() || Confirmed() == out_.plan.digest()) return;
    if (source != nullptr) {
      absl::StrAppend(&why, "; to do it all the same: espalier confirm git_source/",
                      source->metadata().name(), " ", out_.plan.digest());
    }
    out_.problems.Error("budget_exceeded", "", why);
  }

  // What somebody agreed to for this source: the digest of a plan, or a commit. Empty for nothing.
  std::string Confirmed() const {
    const Resource* source = Source();
    if (source == nullptr) return "";
    const v1::Hold* hold = StandingHold(source->metadata(), kConfirmHold, input_.now);
    return hold == nullptr ? "" : hold->why();
  }

  // Consent is for one time: it goes with the write that it allowed.
  void UseUpConfirmation() {
    const std::string confirmed = Confirmed();
    const bool used = !confirmed.empty() &&
                      (confirmed == out_.plan.digest() || confirmed == request_.owner().commit());
    if (!used || request_.dry_run() || out_.writes.empty()) return;
    const Resource& source = *Source();
    PlannedWrite& write = AddWrite(RefOf(source));
    write.action = -1;
    write.base_revision = source.metadata().revision();
    write.after = source;
    write.after->mutable_metadata()->mutable_holds()->erase(kConfirmHold);
  }

  void PlanDelete(const Resource& current, absl::string_view reason, const std::set<Ref>& going,
                  bool by_foreign_hand) {
    const Ref ref = RefOf(current);
    const KindInfo& info = InfoOf(ref.kind);
    if (std::find(info.builtin.begin(), info.builtin.end(), ref.name) != info.builtin.end()) {
      AddRelease(current, "always exists: it is given up instead");
      return;
    }
    if (current.metadata().has_deleting_since()) {
      Describe(current, "", AddAction(Action::NOOP, ref, "is being deleted already"));
      return;
    }
    if (const std::string why_not = WhyNotDeletable(objects_, current, going); !why_not.empty()) {
      Problem& problem = out_.problems.Error("in_use", "", why_not);
      *problem.mutable_ref() = ToProto(ref);
      return;
    }
    Action& action = AddAction(Action::DELETE, ref, reason);
    Describe(current, current.metadata().owner().source(), action);
    action.set_risk(Action::DESTRUCTIVE);
    PlannedWrite& write = AddWrite(ref);
    write.base_revision = current.metadata().revision();
    write.by_foreign_hand = by_foreign_hand;
    if (info.finalized) {
      write.after = current;
      SetTime(input_.now, *write.after->mutable_metadata()->mutable_deleting_since());
    }
    ++out_.destroys;
  }

  void NoteMissingReferences() {
    for (const auto& [ref, declared] : declared_) {
      // What a source waits for was looked at already.
      if (ref.kind == Kind::kGitSource && !request_.dry_run()) continue;
      for (const Reference& reference : ReferencesOf(declared->resource())) {
        if (declared_.contains(reference.target) || objects_.Find(reference.target) != nullptr) {
          continue;
        }
        Problem& note =
            out_.problems.Note("missing_reference", reference.path,
                               absl::StrCat(ToHuman(reference.target), " does not exist yet"));
        *note.mutable_ref() = ToProto(ref);
        SetPosition(declared->source(), note);
      }
    }
  }

  void RecordEdit(const Resource& current, v1::Metadata& metadata) {
    v1::Edited edited;
    edited.set_actor(input_.actor);
    edited.set_interface(std::string(ManagerText(request_.owner().manager())));
    edited.set_reason(request_.override().reason());
    SetTime(input_.now, *edited.mutable_at());
    if (request_.override().hold_seconds() > 0) {
      SetTime(input_.now + absl::Seconds(request_.override().hold_seconds()),
              *edited.mutable_hold_until());
    }
    // The second foreign hand still deviates from the owner's word, not from the first hand's.
    edited.set_declared_json(current.metadata().has_edited()
                                 ? current.metadata().edited().declared_json()
                                 : DeclaredJson(current));
    *metadata.mutable_edited() = std::move(edited);
  }

  bool IsHeld(const v1::Edited& edited) const {
    return edited.has_hold_until() && TimeOf(edited.hold_until()) > input_.now;
  }

  Action& AddAction(Action::Verb verb, const Ref& ref, absl::string_view reason) {
    Action& action = *out_.plan.add_actions();
    action.set_verb(verb);
    *action.mutable_ref() = ToProto(ref);
    action.set_reason(std::string(reason));
    action.set_risk(verb == Action::REPLACE ? Action::DESTRUCTIVE : Action::LOW);
    return action;
  }

  static void Describe(const Resource& current, const std::string& source, Action& action) {
    action.set_uid(current.metadata().uid());
    *action.mutable_owner() = current.metadata().owner();
    action.set_source(source);
    for (const auto& [name, hold] : current.metadata().holds()) {
      action.add_holds(absl::StrCat(name, " by ", hold.by(), ": ", hold.why()));
    }
    std::sort(action.mutable_holds()->begin(), action.mutable_holds()->end());
  }

  void AddChanges(const std::vector<FieldChange>& changes, Action& action) {
    const KindInfo* info = FindKind(action.ref().kind());
    for (const FieldChange& change : changes) {
      *action.add_changes() = change;
      if (action.verb() == Action::UPDATE && IsDisruptive(*info, change.path())) {
        action.set_risk(Action::DISRUPTIVE);
      }
    }
  }

  PlannedWrite& AddWrite(const Ref& ref) {
    PlannedWrite& write = out_.writes.emplace_back();
    write.action = out_.plan.actions_size() - 1;
    write.ref = ref;
    return write;
  }

  static std::vector<std::string> Unknown(const v1::Declared& declared) {
    return {declared.unknown().begin(), declared.unknown().end()};
  }

  void Finish() {
    v1::Plan& plan = out_.plan;
    for (const Action& action : plan.actions()) {
      switch (action.verb()) {
        case Action::CREATE:
          plan.set_creates(plan.creates() + 1);
          break;
        case Action::UPDATE:
        case Action::RELEASE:
          plan.set_updates(plan.updates() + 1);
          break;
        case Action::REPLACE:
          plan.set_replaces(plan.replaces() + 1);
          break;
        case Action::DELETE:
          plan.set_deletes(plan.deletes() + 1);
          break;
        case Action::ADOPT:
          plan.set_adopts(plan.adopts() + 1);
          break;
        default:
          plan.set_noops(plan.noops() + 1);
      }
    }
    plan.set_revision(objects_.revision());
    plan.set_digest(PlanDigest(plan, objects_, out_.writes));
    CheckQuotas();
    CheckBudget();
    UseUpConfirmation();
    if (out_.problems.HasErrors()) out_.writes.clear();
  }

  const PlanInput& input_;
  const v1::ApplyRequest& request_;
  const Objects& objects_;
  const IgnoreBook ignored_;
  std::map<Ref, const v1::Declared*> declared_;
  std::set<Ref> released_;
  PlanOutput out_;
};

}  // namespace

bool MakesVms(const PlannedWrite& write) {
  if (!write.after.has_value()) return false;
  return write.after->has_vm() ? write.new_incarnation : write.after->has_vm_pool();
}

absl::StatusOr<PlanOutput> MakePlan(const PlanInput& input) { return Planner(input).Run(); }

absl::StatusOr<PlanOutput> MakeDeletePlan(const Objects& objects, const v1::DeleteRequest& request,
                                          const std::string& actor, absl::Time now) {
  const v1::ApplyRequest nothing;
  return Planner(PlanInput{.objects = objects, .request = nothing, .actor = actor, .now = now})
      .RunDelete(request);
}

std::string PlanDigest(const v1::Plan& plan, const Objects& objects,
                       const std::vector<PlannedWrite>& writes) {
  // Only what is done and to what; the canonical JSON of a trimmed copy gives the order of fields.
  v1::Plan doing;
  std::map<int, Action*> trimmed_of;
  for (int i = 0; i < plan.actions_size(); ++i) {
    const Action& action = plan.actions(i);
    if (action.verb() == Action::NOOP) continue;
    Action& trimmed = *doing.add_actions();
    trimmed.set_verb(action.verb());
    *trimmed.mutable_ref() = action.ref();
    *trimmed.mutable_changes() = action.changes();
    trimmed.set_uid(action.uid());
    const absl::StatusOr<Ref> ref = FromProto(action.ref());
    const Resource* prior = ref.ok() ? objects.Find(*ref) : nullptr;
    if (prior != nullptr) trimmed.set_source(SpecHash(*prior));
    trimmed_of[i] = &trimmed;
  }
  for (const PlannedWrite& write : writes) {
    const auto action = trimmed_of.find(write.action);
    if (action == trimmed_of.end() || !write.after.has_value()) continue;
    if (ChangesSecrets(*action->second)) action->second->set_reason(SpecHash(*write.after));
  }
  return Sha256Hex(MessageToJson(doing, Indent::kNone));
}

}  // namespace espalier
