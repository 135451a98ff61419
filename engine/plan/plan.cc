#include "engine/plan/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/model/access.h"
#include "engine/model/codec.h"
#include "engine/model/diff.h"
#include "engine/model/field.h"
#include "engine/plan/admission.h"
#include "engine/plan/budget.h"
#include "engine/plan/order.h"
#include "engine/plan/ownership.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using v1::Action;

// Makes one plan. Lives for one call.
class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input), request_(input.request), objects_(input.objects) {}

  absl::StatusOr<PlanOutput> Run() {
    std::map<Ref, std::vector<Ref>> references;
    for (const v1::Declared& declared : request_.objects()) {
      const Ref ref = RefOf(declared.resource());
      const auto [at, is_new] = declared_.emplace(ref, &declared);
      if (!is_new) {
        AddError(
            declared, "declared_twice", "",
            absl::StrCat("is declared twice: ", at->second->source(), " and ", declared.source()));
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
    if (claim == Claim::kConflict || claim == Claim::kMemberOnly) {
      out_.problems.Append(ConflictProblem(claim, *current, request.owner(), "delete"));
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
  Problem& AddError(const v1::Declared& declared, absl::string_view code, absl::string_view path,
                    absl::string_view message) {
    Problem& problem = out_.problems.Error(code, path, message);
    *problem.mutable_ref() = ToProto(RefOf(declared.resource()));
    SetPosition(declared.source(), problem);
    return problem;
  }

  bool InScope(const Ref& ref, std::string& why) const {
    const KindInfo& info = InfoOf(ref.kind);
    if (request_.owner().manager() == v1::Owner::GIT && info.not_from_git) {
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
      AddError(declared, "not_allowed", "", why);
      return absl::OkStatus();
    }
    const Resource* current = objects_.Find(ref);
    ESPALIER_RETURN_IF_ERROR(CheckIncarnation(ref, declared, current));
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
    PlanExisting(ref, declared, *current, claim);
    return absl::OkStatus();
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

  void PlanExisting(const Ref& ref, const v1::Declared& declared, const Resource& current,
                    Claim claim) {
    const v1::Metadata& before = current.metadata();
    Resource after = current;
    v1::Metadata& metadata = *after.mutable_metadata();
    const v1::Metadata wanted = DeclaredMetadata(declared.resource());
    *metadata.mutable_labels() = wanted.labels();
    *metadata.mutable_annotations() = WithOwnNotes(wanted.annotations(), before.annotations());
    MutableSpec(after)->CopyFrom(SpecOf(declared.resource()));

    std::vector<FieldChange> changes = Diff(current, after, Unknown(declared));
    const bool replaces =
        std::any_of(changes.begin(), changes.end(),
                    [](const FieldChange& change) { return change.forces_replace(); });
    const bool held = claim == Claim::kOwn && before.has_edited() && IsHeld(before.edited());
    if (held && !changes.empty()) {
      PlanHeld(ref, declared, current);
      return;
    }

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
    if (replaces) {
      verb = Action::REPLACE;
      reason = absl::StrCat(reason, "; ", FirstReplacing(changes), " is immutable");
    }
    const bool clears_edit = before.has_edited() && claim != Claim::kOverride;
    if (changes.empty() && !clears_edit) {
      Action& noop = AddAction(Action::NOOP, ref, "as declared");
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

  // An override stands and its hold has not ended: the owner's declaration waits. Terraform cannot
  // be told "later" (its state would lie), so for it this is an error.
  void PlanHeld(const Ref& ref, const v1::Declared& declared, const Resource& current) {
    const v1::Edited& edited = current.metadata().edited();
    const std::string text = absl::StrCat("held until ", TimeText(edited.hold_until()), " by ",
                                          edited.actor(), ": ", edited.reason());
    if (request_.owner().manager() == v1::Owner::TERRAFORM) {
      AddError(declared, "held", "", text);
      return;
    }
    Action& noop = AddAction(Action::NOOP, ref, text);
    Describe(current, declared.source(), noop);
    noop.add_holds(text);
    Problem& note = out_.problems.Note("held", "", text);
    *note.mutable_ref() = ToProto(ref);
    SetPosition(declared.source(), note);
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
    Action& action = AddAction(Action::RELEASE, ref, reason);
    Describe(current, current.metadata().owner().source(), action);
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

  // A hold that nothing heeds would only lull whoever placed it.
  static bool ActsOn(absl::string_view hold, Kind kind) {
    if (kind == Kind::kHost) return hold == "cordon" || hold == "drain";
    if (kind == Kind::kVm) return hold == "power";
    return kind == Kind::kImageCache && hold == "refresh";
  }

  void PlanHold(const Ref& ref, const Resource& current, const v1::HoldChange& change) {
    if (!change.clear() && !ActsOn(change.hold(), ref.kind)) {
      Problem& problem = out_.problems.Error(
          "invalid_value", "metadata.holds",
          absl::StrCat("a ", InfoOf(ref.kind).name, " knows no hold \"", change.hold(),
                       "\"; there are cordon and drain of a host, power of a vm, and refresh of an "
                       "image_cache"));
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
    std::vector<const Resource*> gone;
    std::set<Ref> going;
    std::int64_t owned = 0;
    objects_.ForEach([&](const Resource& resource) {
      if (!SameOwner(request_.owner(), resource.metadata().owner())) return;
      ++owned;
      const Ref ref = RefOf(resource);
      if (std::string why; declared_.contains(ref) || released_.contains(ref) ||
                           resource.metadata().has_deleting_since() || !InScope(ref, why)) {
        return;
      }
      gone.push_back(&resource);
      going.insert(ref);
    });
    if (gone.empty()) {
      CheckBudget(owned, out_.destroys);
      return;
    }
    if (!request_.prune().whole_scope_loaded()) {
      out_.problems.Error("not_allowed", "",
                          "nothing is pruned unless the whole scope was loaded and is valid");
      return;
    }
    std::map<Ref, std::vector<Ref>> references;
    std::map<Ref, const Resource*> by_ref;
    for (const Resource* resource : gone) {
      const Ref ref = RefOf(*resource);
      by_ref[ref] = resource;
      for (const Reference& reference : ReferencesOf(*resource)) {
        references[ref].push_back(reference.target);
      }
      references[ref];
    }
    std::vector<Ref> order = InReferenceOrder(references, out_.problems);
    std::reverse(order.begin(), order.end());
    for (const Ref& ref : order) {
      PlanDelete(*by_ref.at(ref), "not declared any more", going, false);
    }
    CheckBudget(owned, out_.destroys);
  }

  void CheckBudget(std::int64_t owned, std::int64_t destroys) {
    static const v1::ClusterSpec kNoSpec;
    const Resource* cluster = objects_.Find(Ref{Kind::kCluster, "", "default"});
    const Budget budget =
        BudgetOf(cluster == nullptr ? kNoSpec : cluster->cluster().spec(), request_.prune());
    const std::string why = WhyOverBudget(budget, owned, input_.destroyed_lately, destroys);
    if (!why.empty()) out_.problems.Error("budget_exceeded", "", why);
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
    std::string why_not = WhyNotDeletable(objects_, current);
    if (why_not.empty()) why_not = WhyNotEmpty(current, going);
    if (!why_not.empty()) {
      Problem& problem = out_.problems.Error("not_allowed", "", why_not);
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

  // A member goes with what its controller works for.
  bool GoesWithItsOwner(const Resource& member, const std::set<Ref>& going) const {
    if (member.metadata().owner().manager() != v1::Owner::CONTROLLER) return false;
    const absl::StatusOr<Ref> whole = ParseRef(member.metadata().owner().instance());
    if (!whole.ok()) return false;
    const Resource* standing = objects_.Find(*whole);
    return going.contains(*whole) || standing == nullptr ||
           standing->metadata().has_deleting_since();
  }

  // A namespace is kept while objects live in it that do not go with it.
  std::string WhyNotEmpty(const Resource& current, const std::set<Ref>& going) const {
    if (!current.has_namespace_()) return "";
    int count = 0;
    std::string first;
    objects_.ForEach([&](const Resource& other) {
      if (other.metadata().namespace_() != current.metadata().name()) return;
      if (going.contains(RefOf(other)) || other.metadata().has_deleting_since()) return;
      if (GoesWithItsOwner(other, going)) return;
      if (count++ == 0) first = ToHuman(RefOf(other));
    });
    if (count == 0) return "";
    return absl::StrCat("has ", count, count == 1 ? " object" : " objects", " in it (", first,
                        count > 1 ? ", ...)" : ")");
  }

  void NoteMissingReferences() {
    for (const auto& [ref, declared] : declared_) {
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
    plan.set_digest(PlanDigest(plan, objects_));
    if (out_.problems.HasErrors()) out_.writes.clear();
  }

  const PlanInput& input_;
  const v1::ApplyRequest& request_;
  const Objects& objects_;
  std::map<Ref, const v1::Declared*> declared_;
  std::set<Ref> released_;
  PlanOutput out_;
};

}  // namespace

absl::StatusOr<PlanOutput> MakePlan(const PlanInput& input) { return Planner(input).Run(); }

absl::StatusOr<PlanOutput> MakeDeletePlan(const Objects& objects, const v1::DeleteRequest& request,
                                          const std::string& actor, absl::Time now) {
  const v1::ApplyRequest nothing;
  return Planner(PlanInput{.objects = objects, .request = nothing, .actor = actor, .now = now})
      .RunDelete(request);
}

std::string PlanDigest(const v1::Plan& plan, const Objects& objects) {
  // Only what is done and to what; the canonical JSON of a trimmed copy gives the order of fields.
  v1::Plan doing;
  for (const Action& action : plan.actions()) {
    if (action.verb() == Action::NOOP) continue;
    Action& trimmed = *doing.add_actions();
    trimmed.set_verb(action.verb());
    *trimmed.mutable_ref() = action.ref();
    *trimmed.mutable_changes() = action.changes();
    trimmed.set_uid(action.uid());
    const absl::StatusOr<Ref> ref = FromProto(action.ref());
    const Resource* prior = ref.ok() ? objects.Find(*ref) : nullptr;
    if (prior != nullptr) trimmed.set_source(SpecHash(*prior));
  }
  return Sha256Hex(MessageToJson(doing, Indent::kNone));
}

}  // namespace espalier
