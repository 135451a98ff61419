#include "engine/client/remote_resources.h"

#include <utility>

#include "engine/client/remote_watch.h"

namespace espalier {

namespace {

using Service = v1::ResourcesService::StubInterface;

// Begins a call whose end comes out of the queue.
template <typename Request, typename Answer>
using Method = std::unique_ptr<grpc::ClientAsyncResponseReaderInterface<Answer>> (Service::*)(
    grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

template <typename Request, typename Answer>
absl::StatusOr<Answer> Ask(const Connection& connection, const CallContext& context, Service& stub,
                           Method<Request, Answer> method, const Request& request) {
  Answer answer;
  absl::Status status = connection.Wait(
      context, [&](grpc::ClientContext* call, grpc::CompletionQueue* queue, grpc::Status* result) {
        // The reader belongs to the call: its pointer owns nothing.
        (stub.*method)(call, request, queue)->Finish(&answer, result, nullptr);
      });
  if (!status.ok()) return status;
  return answer;
}

}  // namespace

RemoteResources::RemoteResources(const Connection& connection)
    : connection_(connection), stub_(v1::ResourcesService::NewStub(connection.channel())) {}

absl::StatusOr<Resource> RemoteResources::Get(const CallContext& context, const Ref& ref) {
  v1::GetRequest request;
  *request.mutable_ref() = ToProto(ref);
  return Ask(connection_, context, *stub_, &Service::AsyncGet, request);
}

absl::StatusOr<ListPage> RemoteResources::List(const CallContext& context, const Query& query) {
  return Ask(connection_, context, *stub_, &Service::AsyncList, query);
}

absl::StatusOr<ApplyResult> RemoteResources::Apply(const CallContext& context,
                                                   const ApplyRequest& request) {
  return Ask(connection_, context, *stub_, &Service::AsyncApply, request);
}

absl::StatusOr<ApplyResult> RemoteResources::Delete(const CallContext& context,
                                                    const DeleteRequest& request) {
  return Ask(connection_, context, *stub_, &Service::AsyncDelete, request);
}

absl::StatusOr<DriftReport> RemoteResources::Drift(const CallContext& context,
                                                   const DriftRequest& request) {
  return Ask(connection_, context, *stub_, &Service::AsyncDrift, request);
}

std::vector<absl::StatusOr<std::int64_t>> RemoteResources::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  v1::UpdateStatusRequest request;
  request.mutable_writes()->Add(writes.begin(), writes.end());
  absl::StatusOr<v1::UpdateStatusResponse> answer =
      Ask(connection_, context, *stub_, &Service::AsyncUpdateStatus, request);
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
