#include "engine/client/remote_resources.h"

#include <utility>

#include "engine/client/remote_watch.h"

namespace espalier {

namespace {

using Service = v1::ResourcesService::StubInterface;
using Async = Service::async_interface;

// A method of the service in the two ways that it can be called: waiting for it, and with a
// callback.
template <typename Request, typename Answer>
struct Method {
  grpc::Status (Service::*wait)(grpc::ClientContext*, const Request&, Answer*);
  void (Async::*start)(grpc::ClientContext*, const Request*, Answer*,
                       std::function<void(grpc::Status)>);
};

template <typename Request, typename Answer>
absl::StatusOr<Answer> Ask(const Connection& connection, const CallContext& context, Service& stub,
                           Method<Request, Answer> method, const Request& request) {
  Answer answer;
  absl::Status status;
  if (context.cancellation == nullptr) {
    // Nobody can cancel it: the caller reads the connection itself, and no other thread has to
    // wake.
    status = connection.Wait(context, [&](grpc::ClientContext* call) {
      return (stub.*method.wait)(call, request, &answer);
    });
  } else {
    status = connection.Unary(
        context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
          (stub.async()->*method.start)(call, &request, &answer, std::move(done));
        });
  }
  if (!status.ok()) return status;
  return answer;
}

}  // namespace

RemoteResources::RemoteResources(const Connection& connection)
    : connection_(connection), stub_(v1::ResourcesService::NewStub(connection.channel())) {}

absl::StatusOr<Resource> RemoteResources::Get(const CallContext& context, const Ref& ref) {
  v1::GetRequest request;
  *request.mutable_ref() = ToProto(ref);
  return Ask(connection_, context, *stub_,
             Method<v1::GetRequest, Resource>{&Service::Get, &Async::Get}, request);
}

absl::StatusOr<ListPage> RemoteResources::List(const CallContext& context, const Query& query) {
  return Ask(connection_, context, *stub_, Method<Query, ListPage>{&Service::List, &Async::List},
             query);
}

absl::StatusOr<ApplyResult> RemoteResources::Apply(const CallContext& context,
                                                   const ApplyRequest& request) {
  return Ask(connection_, context, *stub_,
             Method<ApplyRequest, ApplyResult>{&Service::Apply, &Async::Apply}, request);
}

absl::StatusOr<ApplyResult> RemoteResources::Delete(const CallContext& context,
                                                    const DeleteRequest& request) {
  return Ask(connection_, context, *stub_,
             Method<DeleteRequest, ApplyResult>{&Service::Delete, &Async::Delete}, request);
}

absl::StatusOr<DriftReport> RemoteResources::Drift(const CallContext& context,
                                                   const DriftRequest& request) {
  return Ask(connection_, context, *stub_,
             Method<DriftRequest, DriftReport>{&Service::Drift, &Async::Drift}, request);
}

std::vector<absl::StatusOr<std::int64_t>> RemoteResources::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  v1::UpdateStatusRequest request;
  request.mutable_writes()->Add(writes.begin(), writes.end());
  absl::StatusOr<v1::UpdateStatusResponse> answer =
      Ask(connection_, context, *stub_,
          Method<v1::UpdateStatusRequest, v1::UpdateStatusResponse>{&Service::UpdateStatus,
                                                                    &Async::UpdateStatus},
          request);
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
