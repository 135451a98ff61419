#include "engine/client/remote_resources.h"

#include <utility>

#include "engine/client/remote_watch.h"

namespace espalier {

// Every method of the stub has the same shape: asks `REQUEST`, answers `ANSWER`.
template <typename Answer, typename Method, typename Stub, typename Request>
absl::StatusOr<Answer> Ask(const Connection& connection, const CallContext& context, Stub* stub,
                           Method method, const Request& request) {
  Answer answer;
  absl::Status status = connection.Unary(
      context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
        (stub->*method)(call, &request, &answer, std::move(done));
      });
  if (!status.ok()) return status;
  return answer;
}

// Picks the overload that takes a callback.
template <typename Request, typename Answer>
using Method = void (v1::ResourcesService::StubInterface::async_interface::*)(
    grpc::ClientContext*, const Request*, Answer*, std::function<void(grpc::Status)>);

RemoteResources::RemoteResources(const Connection& connection)
    : connection_(connection), stub_(v1::ResourcesService::NewStub(connection.channel())) {}

absl::StatusOr<Resource> RemoteResources::Get(const CallContext& context, const Ref& ref) {
  v1::GetRequest request;
  *request.mutable_ref() = ToProto(ref);
  constexpr Method<v1::GetRequest, Resource> kMethod =
      &v1::ResourcesService::StubInterface::async_interface::Get;
  return Ask<Resource>(connection_, context, stub_->async(), kMethod, request);
}

absl::StatusOr<ListPage> RemoteResources::List(const CallContext& context, const Query& query) {
  constexpr Method<Query, ListPage> kMethod =
      &v1::ResourcesService::StubInterface::async_interface::List;
  return Ask<ListPage>(connection_, context, stub_->async(), kMethod, query);
}

absl::StatusOr<ApplyResult> RemoteResources::Apply(const CallContext& context,
                                                   const ApplyRequest& request) {
  constexpr Method<ApplyRequest, ApplyResult> kMethod =
      &v1::ResourcesService::StubInterface::async_interface::Apply;
  return Ask<ApplyResult>(connection_, context, stub_->async(), kMethod, request);
}

absl::StatusOr<ApplyResult> RemoteResources::Delete(const CallContext& context,
                                                    const DeleteRequest& request) {
  constexpr Method<DeleteRequest, ApplyResult> kMethod =
      &v1::ResourcesService::StubInterface::async_interface::Delete;
  return Ask<ApplyResult>(connection_, context, stub_->async(), kMethod, request);
}

absl::StatusOr<DriftReport> RemoteResources::Drift(const CallContext& context,
                                                   const DriftRequest& request) {
  constexpr Method<DriftRequest, DriftReport> kMethod =
      &v1::ResourcesService::StubInterface::async_interface::Drift;
  return Ask<DriftReport>(connection_, context, stub_->async(), kMethod, request);
}

std::vector<absl::StatusOr<std::int64_t>> RemoteResources::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  v1::UpdateStatusRequest request;
  request.mutable_writes()->Add(writes.begin(), writes.end());
  constexpr Method<v1::UpdateStatusRequest, v1::UpdateStatusResponse> kMethod =
      &v1::ResourcesService::StubInterface::async_interface::UpdateStatus;
  absl::StatusOr<v1::UpdateStatusResponse> answer =
      Ask<v1::UpdateStatusResponse>(connection_, context, stub_->async(), kMethod, request);
  absl::Status status = answer.status();
  if (status.ok() && static_cast<std::size_t>(answer->items_size()) != writes.size()) {
    status = absl::InternalError("the engine answered another number of status writes");
  }
  std::vector<absl::StatusOr<std::int64_t>> results;
  if (!status.ok()) {
    results.assign(writes.size(), status);
    return results;
  }
  for (const v1::UpdateStatusResponse::Item& item : answer->items()) {
    if (item.code() == 0) {
      results.emplace_back(item.revision());
    } else {
      results.emplace_back(
          absl::Status(static_cast<absl::StatusCode>(item.code()), item.message()));
    }
  }
  return results;
}

absl::StatusOr<std::unique_ptr<Watch>> RemoteResources::StartWatch(const CallContext& context,
                                                                   const Query& query,
                                                                   const std::string& resume) {
  v1::WatchRequest request;
  *request.mutable_query() = query;
  request.set_resume(resume);
  return StartRemoteWatch(connection_, context, *stub_, std::move(request));
}

}  // namespace espalier
