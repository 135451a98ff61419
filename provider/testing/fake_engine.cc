#include "provider/testing/fake_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/model/access.h"
#include "engine/model/secret_fields.h"
#include "google/protobuf/util/message_differencer.h"

namespace espalier::provider {
namespace {

// Of `stored` in the place of `there`, if that is an object.
std::int64_t GenerationAfter(const Resource* there, const Resource& stored) {
  if (there == nullptr) return 1;
  const bool same =
      google::protobuf::util::MessageDifferencer::Equals(SpecOf(*there), SpecOf(stored));
  return there->metadata().generation() + (same ? 0 : 1);
}

}  // namespace

absl::Status FakeEngine::Fail(const CallContext& context) {
  contexts.push_back(context);
  if (failures.empty()) return absl::OkStatus();
  absl::Status failure = std::move(failures.front());
  failures.pop_front();
  return failure;
}

ApplyResult FakeEngine::Answer() {
  ApplyResult result;
  for (Problem& problem : problems) *result.add_problems() = std::move(problem);
  problems.clear();
  if (!later_problems.empty()) {
    problems = std::move(later_problems.front());
    later_problems.pop_front();
  }
  *result.mutable_plan()->mutable_capacity() = capacity;
  return result;
}

void FakeEngine::Place(v1::VmPlacement::Phase phase, const std::string& why) {
  const Resource* found = objects_.Find(Ref{Kind::kVm, "ci", "build"});
  if (found == nullptr) return;
  Resource placed = *found;
  v1::VmPlacement& placement = *placed.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_phase(phase);
  placement.set_why(why);
  placement.set_observed_generation(placed.metadata().generation());
  if (phase == v1::VmPlacement::RUNNING) {
    placement.set_host("mac-01");
    placed.mutable_vm()->mutable_status()->mutable_observed()->set_ip("10.0.0.7");
  }
  objects_.Put(std::move(placed));
}

Lease& FakeEngine::lease() { CheckFailed(__FILE__, __LINE__, "nobody beats here"); }
Secrets& FakeEngine::secrets() { CheckFailed(__FILE__, __LINE__, "nobody is told here"); }

Audit& FakeEngine::audit() { CheckFailed(__FILE__, __LINE__, "a provider reads no audit trail"); }

absl::StatusOr<v1::CreateTokenResponse> FakeEngine::CreateToken(
    const CallContext& context, const v1::CreateTokenRequest& request) {
  ESPALIER_RETURN_IF_ERROR(Fail(context));
  v1::CreateTokenResponse made;
  *made.mutable_token() = request.token();
  made.mutable_token()->set_id(absl::StrCat("token-", tokens.size() + 1));
  made.mutable_token()->mutable_expires_at()->set_seconds(request.ttl_seconds());
  made.set_secret(absl::StrCat("esp_", made.token().id(), "_secret"));
  tokens[made.token().id()] = made.token();
  ttl_seconds = request.ttl_seconds();
  return made;
}

absl::Status FakeEngine::RevokeToken(const CallContext& context, const std::string& id) {
  ESPALIER_RETURN_IF_ERROR(Fail(context));
  if (tokens.erase(id) == 0) return absl::NotFoundError("no such token");
  return absl::OkStatus();
}

absl::StatusOr<v1::ListTokensResponse> FakeEngine::ListTokens(const CallContext&) {
  return absl::UnimplementedError("a provider lists no tokens");
}

absl::StatusOr<v1::GetProgressResponse> FakeEngine::GetProgress(const CallContext&,
                                                                const std::string&) {
  return progress;
}

absl::StatusOr<Resource> FakeEngine::Get(const CallContext& context, const Ref& ref) {
  ESPALIER_RETURN_IF_ERROR(Fail(context));
  return objects_.Get(context, ref);
}

absl::StatusOr<ListPage> FakeEngine::List(const CallContext& context, const Query& query) {
  lists.push_back(query);
  ESPALIER_RETURN_IF_ERROR(Fail(context));
  absl::StatusOr<ListPage> all = objects_.List(context, query);
  if (!all.ok()) return all;
  // A page is named by the place of its first object.
  std::size_t start = 0;
  if (!query.page().empty()) ESPALIER_CHECK(absl::SimpleAtoi(query.page(), &start));
  const std::size_t size =
      query.page_size() == 0 ? page_size : std::min<std::size_t>(page_size, query.page_size());
  const auto count = static_cast<std::size_t>(all->items_size());
  ListPage page;
  page.set_revision(all->revision());
  for (std::size_t i = start; i < std::min(start + size, count); ++i) {
    *page.add_items() = all->items(static_cast<int>(i));
  }
  if (start + size < count) page.set_next_page(absl::StrCat(start + size));
  return page;
}

absl::StatusOr<ApplyResult> FakeEngine::Apply(const CallContext& context,
                                              const ApplyRequest& request) {
  applies.push_back(request);
  operation_ids.push_back(context.operation_id);
  ESPALIER_RETURN_IF_ERROR(Fail(context));
  ApplyResult result = Answer();
  if (request.dry_run() || result.problems_size() > 0) return result;
  for (const v1::Ref& released : request.release()) {
    absl::StatusOr<Resource> found = Get(context, *FromProto(released));
    if (!found.ok()) continue;
    found->mutable_metadata()->clear_owner();
    objects_.Put(*std::move(found));
  }
  for (const Declared& declared : request.objects()) {
    Resource stored = declared.resource();
    const Ref ref = RefOf(stored);
    const Resource* there = objects_.Find(ref);
    if (!declared.uid().empty() &&
        (there == nullptr || there->metadata().uid() != declared.uid())) {
      return absl::AbortedError("another incarnation by now");
    }
    if (declared.generation() != 0 &&
        (there == nullptr || there->metadata().generation() != declared.generation())) {
      return absl::AbortedError("its spec has changed");
    }
    *stored.mutable_metadata()->mutable_owner() = request.owner();
    // Kept, as far as anybody here can tell.
    VisitSecrets(stored, [](const std::string&, v1::SecretRef& secret) {
      if (!secret.has_value()) return;
      secret.set_sealed(Sha256Hex(secret.value()).substr(0, 32));
      secret.clear_value();
    });
    if (there != nullptr) MutableStatus(stored)->CopyFrom(StatusOf(*there));
    const std::int64_t generation = GenerationAfter(there, stored);
    stored.mutable_metadata()->set_generation(generation);
    if (stored.has_vm()) {
      // In force at once, unless a test says otherwise.
      stored.mutable_vm()->mutable_status()->mutable_placement()->set_observed_generation(
          generation);
    }
    objects_.Put(std::move(stored));
    *result.add_objects() = *objects_.Find(ref);
  }
  for (const v1::HoldChange& change : request.holds()) {
    ESPALIER_ASSIGN_OR_RETURN(Resource held, objects_.Get(context, *FromProto(change.ref())));
    auto& holds = *held.mutable_metadata()->mutable_holds();
    holds.erase(change.hold());
    if (!change.clear()) {
      holds[change.hold()].set_by("admin");
      holds[change.hold()].set_why(change.why());
    }
    result.set_revision(objects_.Put(std::move(held)));
  }
  result.set_applied(true);
  return result;
}

std::vector<absl::StatusOr<std::int64_t>> FakeEngine::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  return objects_.UpdateStatus(context, writes);
}

absl::StatusOr<ApplyResult> FakeEngine::Delete(const CallContext& context,
                                               const DeleteRequest& request) {
  deletes.push_back(request);
  ESPALIER_RETURN_IF_ERROR(Fail(context));
  const Ref ref = *FromProto(request.ref());
  const Resource* there = objects_.Find(ref);
  if (there == nullptr) return absl::NotFoundError("not there");
  if (!request.uid().empty() && there->metadata().uid() != request.uid()) {
    return absl::AbortedError("another incarnation by now");
  }
  ApplyResult result = Answer();
  if (!request.dry_run() && !slow_delete && result.problems_size() == 0) objects_.Remove(ref);
  return result;
}

absl::StatusOr<std::unique_ptr<Watch>> FakeEngine::StartWatch(const CallContext& context,
                                                              const Query& query,
                                                              const std::string& resume) {
  if (on_watch) on_watch();
  absl::StatusOr<std::unique_ptr<Watch>> watch = objects_.StartWatch(context, query, resume);
  if (watch.ok() && on_watching) on_watching();
  return watch;
}

absl::StatusOr<DriftReport> FakeEngine::Drift(const CallContext& context,
                                              const DriftRequest& request) {
  return objects_.Drift(context, request);
}

}  // namespace espalier::provider
