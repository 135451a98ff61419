#include "engine/server/grpc/resources_service.h"

#include <utility>
#include <vector>

#include "engine/api/call_metadata.h"
#include "engine/base/status.h"
#include "engine/model/ref.h"
#include "engine/server/grpc/watch_stream.h"

namespace espalier {
namespace {

// Reads come from memory, unless they ask to wait for a revision.
Calls::Runs ForRead(const grpc::CallbackServerContext& context) {
  const bool waits = context.client_metadata().count(kMinRevisionMetadata) > 0;
  return waits ? Calls::Runs::kOnPool : Calls::Runs::kHere;
}

}  // namespace

grpc::ServerUnaryReactor* ResourcesService::Get(grpc::CallbackServerContext* context,
                                                const v1::GetRequest* request,
                                                v1::Resource* answer) {
  return calls_.Unary("Get", context, ForRead(*context), [=, this](const CallContext& call) {
    absl::StatusOr<Ref> ref = FromProto(request->ref());
    if (!ref.ok()) return std::move(ref).status();
    return Into(resources().Get(call, *ref), answer);
  });
}

grpc::ServerUnaryReactor* ResourcesService::List(grpc::CallbackServerContext* context,
                                                 const v1::Query* request, v1::ListPage* answer) {
  return calls_.Unary("List", context, ForRead(*context), [=, this](const CallContext& call) {
    return Into(resources().List(call, *request), answer);
  });
}

grpc::ServerUnaryReactor* ResourcesService::Apply(grpc::CallbackServerContext* context,
                                                  const v1::ApplyRequest* request,
                                                  v1::ApplyResult* answer) {
  return calls_.Unary("Apply", context, Calls::Runs::kOnPool, [=, this](const CallContext& call) {
    return Into(resources().Apply(call, *request), answer);
  });
}

grpc::ServerUnaryReactor* ResourcesService::Delete(grpc::CallbackServerContext* context,
                                                   const v1::DeleteRequest* request,
                                                   v1::ApplyResult* answer) {
  return calls_.Unary("Delete", context, Calls::Runs::kOnPool, [=, this](const CallContext& call) {
    return Into(resources().Delete(call, *request), answer);
  });
}

grpc::ServerUnaryReactor* ResourcesService::UpdateStatus(grpc::CallbackServerContext* context,
                                                         const v1::UpdateStatusRequest* request,
                                                         v1::UpdateStatusResponse* answer) {
  return calls_.Unary(
      "UpdateStatus", context, Calls::Runs::kOnPool, [=, this](const CallContext& call) {
        const std::vector<StatusWrite> writes(request->writes().begin(), request->writes().end());
        for (const absl::StatusOr<std::int64_t>& result : resources().UpdateStatus(call, writes)) {
          v1::UpdateStatusResponse::Item& item = *answer->add_items();
          item.set_code(static_cast<int>(result.status().code()));
          item.set_message(std::string(result.status().message()));
          if (result.ok()) item.set_revision(*result);
        }
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::WatchBatch>* ResourcesService::Watch(
    grpc::CallbackServerContext* context, const v1::WatchRequest* request) {
  return WatchStream::Begin(calls_, pump_, context, *request);
}

grpc::ServerUnaryReactor* ResourcesService::Drift(grpc::CallbackServerContext* context,
                                                  const v1::DriftRequest* request,
                                                  v1::DriftReport* answer) {
  return calls_.Unary("Drift", context, Calls::Runs::kOnPool, [=, this](const CallContext& call) {
    return Into(resources().Drift(call, *request), answer);
  });
}

}  // namespace espalier
