#include "engine/server/auth/access.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/model/hold.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"

namespace espalier::access {
namespace {

using Role = Caller::Role;

absl::Status Denied(const Caller& caller, absl::string_view what, absl::string_view missing) {
  return absl::PermissionDeniedError(
      absl::StrCat(caller.subject, " may not ", what, ": ", missing));
}

std::string NameOf(Owner::Manager manager) {
  return absl::AsciiStrToLower(Owner::Manager_Name(manager));
}

template <typename Strings>
bool Contains(const Strings& strings, const std::string& wanted) {
  return std::find(strings.begin(), strings.end(), wanted) != strings.end();
}

// Tenants' things live in namespaces; of the installation's things only Images, which are names.
bool EditorsWrite(const KindInfo& kind) { return kind.namespaced || kind.kind == Kind::kImage; }

bool AgentsReadAll(absl::string_view kind) {
  return kind == InfoOf(Kind::kImage).name || kind == InfoOf(Kind::kRegistryCredential).name;
}

// Whether it is the agent's Host, or a Vm placed or retiring there.
bool IsHere(const Caller& caller, const Resource& resource) {
  Query here;
  here.set_host(caller.host);
  return !caller.host.empty() && Matches(here, resource);
}

// An object that a write names.
struct Target {
  const KindInfo* kind = nullptr;
  std::string ns;
};

absl::Status MayTouch(const Caller& caller, const Target& target, const v1::GitSourceSpec* source) {
  switch (caller.role) {
    case Role::kAdmin:
    case Role::kController:
      return absl::OkStatus();
    case Role::kEditor:
      if (EditorsWrite(*target.kind)) return absl::OkStatus();
      return Denied(caller, absl::StrCat("write ", target.kind->name), "role admin is missing");
    case Role::kReconciler:
      if (target.kind->kind == Kind::kGitSource) {
        return Denied(caller, "write git_source", "git never declares its own sources");
      }
      if (source->kinds_size() > 0 && !Contains(source->kinds(), target.kind->name)) {
        return Denied(caller, absl::StrCat("write ", target.kind->name),
                      "its git_source does not list that kind");
      }
      if (source->namespaces_size() > 0 && target.kind->namespaced &&
          !Contains(source->namespaces(), target.ns)) {
        return Denied(caller, absl::StrCat("write into namespace ", target.ns),
                      "its git_source does not list that namespace");
      }
      return absl::OkStatus();
    case Role::kViewer:
    case Role::kAgent:
      break;
  }
  return Denied(caller, absl::StrCat("write ", target.kind->name), "role editor is missing");
}

// Whom the caller may speak for.
absl::Status MayClaim(const Caller& caller, const Owner& owner, const v1::GitSourceSpec* source) {
  const std::string what = absl::StrCat("speak for ", NameOf(owner.manager()));
  switch (caller.role) {
    case Role::kController:
      return absl::OkStatus();
    case Role::kAdmin:
      if (owner.manager() != Owner::CONTROLLER) return absl::OkStatus();
      return Denied(caller, what, "controllers are part of the engine");
    case Role::kEditor:
      if (owner.manager() == Owner::CLI || owner.manager() == Owner::API ||
          owner.manager() == Owner::TERRAFORM) {
        return absl::OkStatus();
      }
      return Denied(caller, what, "editors are cli, api or terraform");
    case Role::kReconciler:
      if (owner.manager() != Owner::GIT) return Denied(caller, what, "reconcilers are git");
      if (!caller.source.empty() && owner.instance() != caller.source) {
        return Denied(caller, absl::StrCat("speak for git source ", owner.instance()),
                      absl::StrCat("the token is for source ", caller.source));
      }
      if (source != nullptr) return absl::OkStatus();
      return Denied(caller, absl::StrCat("speak for git source ", owner.instance()),
                    "there is no such git_source");
    case Role::kViewer:
    case Role::kAgent:
      break;
  }
  return Denied(caller, what, "role editor is missing");
}

absl::Status Touch(const Caller& caller, const v1::Ref& ref, const v1::GitSourceSpec* source) {
  ESPALIER_ASSIGN_OR_RETURN(const Ref parsed, FromProto(ref));
  return MayTouch(caller, {&InfoOf(parsed.kind), parsed.ns}, source);
}

// Pruning deletes what is not named in the request, so its scope has to be within what the caller
// may write. A reconciler owns nothing outside its source.
absl::Status MayPrune(const Caller& caller, const v1::Scope& scope) {
  if (caller.role != Role::kEditor) return absl::OkStatus();
  const bool narrow =
      scope.kinds_size() > 0 &&
      std::all_of(scope.kinds().begin(), scope.kinds().end(), [](const std::string& name) {
        const KindInfo* kind = FindKind(name);
        return kind != nullptr && EditorsWrite(*kind);
      });
  if (narrow) return absl::OkStatus();
  return Denied(caller, "prune", "the scope has to name only kinds that editors write");
}

// What people ask for in pull requests: that the source pauses, goes on, or carries out one plan.
// These words about its own source are all of it that a reconciler may write.
bool IsOwnPace(const Caller& caller, const Owner& owner, const v1::HoldChange& change) {
  const absl::StatusOr<Ref> ref = FromProto(change.ref());
  return caller.role == Role::kReconciler && ref.ok() && ref->kind == Kind::kGitSource &&
         ref->name == owner.instance() &&
         (change.hold() == kSuspendHold || change.hold() == kConfirmHold);
}

absl::Status NoOverride(const Caller& caller, bool override) {
  if (caller.role != Role::kReconciler || !override) return absl::OkStatus();
  return Denied(caller, "change what another owns", "that is a person's decision");
}

// Taking over is a person's decision too, which a reconciler hears in a pull request. It reaches as
// far as the admin who made the source has said in it, word for word: who may declare what is
// nobody's yet anywhere may not for that reason take everything from everybody.
absl::Status MayTakeOver(const Caller& caller, const ApplyRequest& request,
                         const v1::GitSourceSpec* source) {
  if (caller.role != Role::kReconciler || !request.transfer()) return absl::OkStatus();
  const std::string what = "take over what another owns";
  if (request.has_prune() || !request.release().empty() || !request.holds().empty()) {
    return Denied(caller, what, "it has to be all that the request does");
  }
  for (const Declared& declared : request.objects()) {
    if (declared.resource().body_case() == kNoKind) continue;
    const KindInfo& kind = InfoOf(declared.resource().body_case());
    if (kind.namespaced ? source->namespaces_size() > 0 : source->kinds_size() > 0) continue;
    return Denied(caller, what,
                  absl::StrCat("its git_source lists no ", kind.namespaced ? "namespaces" : "kinds",
                               ", and ", kind.name, " ", declared.resource().metadata().name(),
                               " has to be within what it lists"));
  }
  return absl::OkStatus();
}

// Plans change nothing, so whoever may read may ask for them, in anybody's name but the engine's.
bool IsReadOfReader(const Caller& caller, bool dry_run, const Owner& owner) {
  const bool reader = caller.role == Role::kViewer || caller.role == Role::kEditor ||
                      caller.role == Role::kReconciler;
  return dry_run && reader && owner.manager() != Owner::CONTROLLER;
}

absl::Status AgentMayReport(const Caller& caller, const StatusWrite& write,
                            const Resource* stored) {
  const Resource& resource = write.resource();
  if (write.writer() != StatusWrite::OBSERVED) {
    return Denied(caller, "write other than observed status", "role controller is missing");
  }
  if (resource.has_host()) {
    if (resource.metadata().name() == caller.host) return absl::OkStatus();
    return Denied(caller, absl::StrCat("report about host ", resource.metadata().name()),
                  absl::StrCat("the token is for host ", caller.host));
  }
  if (resource.has_vm() && !write.register_()) {
    // What is not there is answered by the write itself.
    if (stored == nullptr || IsHere(caller, *stored)) return absl::OkStatus();
    return Denied(caller, absl::StrCat("report about ", ToHuman(RefOf(resource))),
                  absl::StrCat("it is not placed on host ", caller.host));
  }
  return Denied(caller, "report about this kind", "agents report about their Host and its Vms");
}

// A source that was deleted leaves objects behind, which its reconciler gives up or takes away, as
// the source had said. It could have done so the moment before; it can do nothing else in that
// name.
bool IsFarewell(const Caller& caller, const ApplyRequest& request,
                const v1::GitSourceSpec* source) {
  const Owner& owner = request.owner();
  return caller.role == Role::kReconciler && source == nullptr && owner.manager() == Owner::GIT &&
         !owner.instance().empty() &&
         (caller.source.empty() || caller.source == owner.instance()) &&
         request.objects().empty() && request.holds().empty() && !request.has_override() &&
         !request.transfer();
}

}  // namespace

absl::Status MayQuery(const Caller& caller, const Query& query) {
  if (caller.role != Role::kAgent) return absl::OkStatus();
  if (!caller.host.empty() && query.host() == caller.host) return absl::OkStatus();
  const bool shared = query.kinds_size() > 0 &&
                      std::all_of(query.kinds().begin(), query.kinds().end(), AgentsReadAll);
  if (shared) return absl::OkStatus();
  return Denied(caller, "read this",
                absl::StrCat("agents ask for host ", caller.host,
                             ", or for image and registry_credential alone"));
}

absl::Status MayDrift(const Caller& caller) {
  if (caller.role != Role::kAgent) return absl::OkStatus();
  return Denied(caller, "ask for drift", "role viewer is missing");
}

absl::Status MayReadAudit(const Caller& caller) {
  if (caller.role != Role::kAgent) return absl::OkStatus();
  return Denied(caller, "read the audit trail", "role viewer is missing");
}

bool SeesTokens(const Caller& caller) {
  return caller.role == Role::kAdmin || caller.role == Role::kController;
}

absl::Status MayApply(const Caller& caller, const ApplyRequest& request,
                      const v1::GitSourceSpec* source) {
  if (IsFarewell(caller, request, source)) return absl::OkStatus();
  if (IsReadOfReader(caller, request.dry_run(), request.owner())) return absl::OkStatus();
  ESPALIER_RETURN_IF_ERROR(MayClaim(caller, request.owner(), source));
  ESPALIER_RETURN_IF_ERROR(NoOverride(caller, request.has_override()));
  ESPALIER_RETURN_IF_ERROR(MayTakeOver(caller, request, source));
  for (const Declared& declared : request.objects()) {
    // A body that is missing is the planner's problem to report; nothing can be written with it.
    if (declared.resource().body_case() == kNoKind) continue;
    const KindInfo& kind = InfoOf(declared.resource().body_case());
    ESPALIER_RETURN_IF_ERROR(MayTouch(caller, {&kind, RefOf(declared.resource()).ns}, source));
  }
  for (const v1::Ref& ref : request.release()) {
    ESPALIER_RETURN_IF_ERROR(Touch(caller, ref, source));
  }
  for (const v1::HoldChange& change : request.holds()) {
    if (IsOwnPace(caller, request.owner(), change)) continue;
    ESPALIER_RETURN_IF_ERROR(Touch(caller, change.ref(), source));
  }
  return request.has_prune() ? MayPrune(caller, request.scope()) : absl::OkStatus();
}

absl::Status MayDelete(const Caller& caller, const DeleteRequest& request,
                       const v1::GitSourceSpec* source) {
  if (IsReadOfReader(caller, request.dry_run(), request.owner())) return absl::OkStatus();
  ESPALIER_RETURN_IF_ERROR(MayClaim(caller, request.owner(), source));
  ESPALIER_RETURN_IF_ERROR(NoOverride(caller, request.has_override()));
  return Touch(caller, request.ref(), source);
}

absl::Status MayWriteStatus(const Caller& caller, const StatusWrite& write,
                            const Resource* stored) {
  const bool of_source = write.resource().has_git_source() &&
                         write.writer() == StatusWrite::CONTROLLER && !write.register_();
  switch (caller.role) {
    case Role::kController:
      return absl::OkStatus();
    case Role::kAdmin:
      if (write.writer() == StatusWrite::OBSERVED || of_source) return absl::OkStatus();
      return Denied(caller, "write controllers' status", "controllers are part of the engine");
    case Role::kAgent:
      return AgentMayReport(caller, write, stored);
    case Role::kReconciler:
      if (!of_source) return Denied(caller, "write this status", "reconcilers report git_source");
      if (!caller.source.empty() && write.resource().metadata().name() != caller.source) {
        return Denied(caller,
                      absl::StrCat("report about git_source ", write.resource().metadata().name()),
                      absl::StrCat("the token is for source ", caller.source));
      }
      return absl::OkStatus();
    case Role::kEditor:
    case Role::kViewer:
      break;
  }
  return Denied(caller, "write status", "role agent or reconciler is missing");
}

absl::Status MayAskForSecrets(const Caller& caller) {
  switch (caller.role) {
    case Role::kController:
    case Role::kAgent:
    case Role::kReconciler:
      return absl::OkStatus();
    case Role::kAdmin:
    case Role::kEditor:
    case Role::kViewer:
      break;
  }
  return Denied(caller, "be told a secret", "only the process that uses one is");
}

absl::Status MayReveal(const Caller& caller, const Ref& ref) {
  ESPALIER_RETURN_IF_ERROR(MayAskForSecrets(caller));
  const std::string what = absl::StrCat("be told a secret of ", ToHuman(ref));
  if (caller.role == Role::kAgent && ref.kind != Kind::kRegistryCredential) {
    return Denied(caller, what, "agents use registry_credential alone");
  }
  if (caller.role == Role::kReconciler) {
    if (ref.kind != Kind::kGitSource) {
      return Denied(caller, what, "reconcilers use git_source alone");
    }
    if (!caller.source.empty() && caller.source != ref.name) {
      return Denied(caller, what, absl::StrCat("the token is for source ", caller.source));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Resource> Visible(const Caller& caller, Resource resource) {
  if (caller.role != Role::kAgent) return resource;
  if (IsHere(caller, resource) || AgentsReadAll(InfoOf(resource.body_case()).name)) return resource;
  if (!resource.has_vm()) {
    return Denied(caller, absl::StrCat("read ", ToHuman(RefOf(resource))),
                  absl::StrCat("the token is for host ", caller.host));
  }
  Resource moved;
  moved.mutable_metadata()->set_name(resource.metadata().name());
  moved.mutable_metadata()->set_namespace_(resource.metadata().namespace_());
  moved.mutable_metadata()->set_uid(resource.metadata().uid());
  moved.mutable_metadata()->set_revision(resource.metadata().revision());
  const v1::VmPlacement& placement = resource.vm().status().placement();
  v1::VmPlacement& shown = *moved.mutable_vm()->mutable_status()->mutable_placement();
  shown.set_host(placement.host());
  shown.set_attempt(placement.attempt());
  shown.set_phase(placement.phase());
  shown.set_disk_host(placement.disk_host());
  return moved;
}

}  // namespace espalier::access
