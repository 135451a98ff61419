#include "engine/server/auth/authorize.h"

#include <utility>

#include "engine/base/status.h"
#include "engine/server/auth/access.h"
#include "engine/server/secret_admission.h"

namespace espalier {
namespace {

const v1::GitSourceSpec* Pointer(const std::optional<v1::GitSourceSpec>& spec) {
  return spec.has_value() ? &*spec : nullptr;
}

// What a set is about, for whoever reads that it was refused: its first object.
v1::Ref FirstOf(const ApplyRequest& request) {
  for (const Declared& declared : request.objects()) {
    if (declared.resource().body_case() != kNoKind) return ToProto(RefOf(declared.resource()));
  }
  if (request.release_size() > 0) return request.release(0);
  return request.holds_size() > 0 ? request.holds(0).ref() : v1::Ref();
}

}  // namespace

absl::StatusOr<Resource> AuthorizedResources::Get(const CallContext& context, const Ref& ref) {
  ESPALIER_ASSIGN_OR_RETURN(Resource found, inner_.Get(context, ref));
  return access::Visible(context.caller, std::move(found));
}

absl::StatusOr<ListPage> AuthorizedResources::List(const CallContext& context, const Query& query) {
  ESPALIER_RETURN_IF_ERROR(access::MayQuery(context.caller, query));
  return inner_.List(context, query);
}

absl::StatusOr<ListPage> AuthorizedResources::VisitPage(
    const CallContext& context, const Query& query,
    absl::FunctionRef<void(const Resource&)> visit) {
  ESPALIER_RETURN_IF_ERROR(access::MayQuery(context.caller, query));
  return inner_.VisitPage(context, query, visit);
}

absl::StatusOr<std::unique_ptr<Watch>> AuthorizedResources::StartWatch(const CallContext& context,
                                                                       const Query& query,
                                                                       const std::string& resume) {
  ESPALIER_RETURN_IF_ERROR(access::MayQuery(context.caller, query));
  return inner_.StartWatch(context, query, resume);
}

absl::StatusOr<ApplyResult> AuthorizedResources::Apply(const CallContext& context,
                                                       const ApplyRequest& request) {
  ESPALIER_ASSIGN_OR_RETURN(const std::optional<v1::GitSourceSpec> source,
                            SourceOf(context, request.owner()));
  absl::Status may = access::MayApply(context.caller, request, Pointer(source));
  if (!request.dry_run()) {
    may = Told(context, request.owner(), FirstOf(request), std::move(may));
  }
  ESPALIER_RETURN_IF_ERROR(may);
  if (request.dry_run() && HasValues(request)) {
    ApplyRequest in_earnest = request;
    in_earnest.set_dry_run(false);
    if (!access::MayApply(context.caller, in_earnest, Pointer(source)).ok()) {
      return inner_.Apply(context, WithoutValues(request));
    }
  }
  return inner_.Apply(context, request);
}

absl::StatusOr<ApplyResult> AuthorizedResources::Delete(const CallContext& context,
                                                        const DeleteRequest& request) {
  ESPALIER_ASSIGN_OR_RETURN(const std::optional<v1::GitSourceSpec> source,
                            SourceOf(context, request.owner()));
  absl::Status may = access::MayDelete(context.caller, request, Pointer(source));
  if (!request.dry_run()) may = Told(context, request.owner(), request.ref(), std::move(may));
  ESPALIER_RETURN_IF_ERROR(may);
  return inner_.Delete(context, request);
}

std::vector<absl::StatusOr<std::int64_t>> AuthorizedResources::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  std::vector<absl::StatusOr<std::int64_t>> results;
  std::vector<StatusWrite> allowed;
  std::vector<std::size_t> places;
  for (const StatusWrite& write : writes) {
    results.emplace_back(std::int64_t{0});
    if (write.resource().body_case() == kNoKind) {
      results.back() = absl::InvalidArgumentError("a status write has no kind");
      continue;
    }
    std::optional<Resource> stored;
    if (context.caller.role == Caller::Role::kAgent) {
      absl::StatusOr<Resource> found = inner_.Get(context, RefOf(write.resource()));
      if (found.ok()) {
        stored = *std::move(found);
      } else if (!absl::IsNotFound(found.status())) {
        results.back() = std::move(found).status();
        continue;
      }
    }
    absl::Status may =
        access::MayWriteStatus(context.caller, write, stored.has_value() ? &*stored : nullptr);
    if (!may.ok()) {
      results.back() = Told(context, Owner(), ToProto(RefOf(write.resource())), std::move(may));
      continue;
    }
    places.push_back(results.size() - 1);
    allowed.push_back(write);
  }
  if (allowed.empty()) return results;
  std::vector<absl::StatusOr<std::int64_t>> answers = inner_.UpdateStatus(context, allowed);
  for (std::size_t i = 0; i < answers.size(); ++i) results[places[i]] = std::move(answers[i]);
  return results;
}

absl::StatusOr<DriftReport> AuthorizedResources::Drift(const CallContext& context,
                                                       const DriftRequest& request) {
  ESPALIER_RETURN_IF_ERROR(access::MayDrift(context.caller));
  return inner_.Drift(context, request);
}

absl::Status AuthorizedResources::Told(const CallContext& context, const Owner& owner,
                                       const v1::Ref& ref, absl::Status may) {
  if (audit_ != nullptr && absl::IsPermissionDenied(may)) {
    audit_->Refused(context.caller, owner,
                    {{.ref = ref, .code = "not_permitted", .message = std::string(may.message())}});
  }
  return may;
}

absl::StatusOr<std::optional<v1::GitSourceSpec>> AuthorizedResources::SourceOf(
    const CallContext& context, const Owner& owner) {
  if (context.caller.role != Caller::Role::kReconciler) return std::nullopt;
  absl::StatusOr<Resource> found =
      inner_.Get(context, Ref{.kind = Kind::kGitSource, .ns = "", .name = owner.instance()});
  if (found.ok()) return found->git_source().spec();
  if (absl::IsNotFound(found.status())) return std::nullopt;
  return std::move(found).status();
}

}  // namespace espalier
