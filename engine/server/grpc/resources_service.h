// The gRPC service of Resources. Owned by the server; called on gRPC's threads.
#pragma once

#include "engine/server/grpc/calls.h"
#include "engine/server/watch_pump.h"
#include "espalier/v1/resources_service.grpc.pb.h"

namespace espalier {

class ResourcesService final : public v1::ResourcesService::CallbackService {
 public:
  ResourcesService(Calls& calls, WatchPump& pump) : calls_(calls), pump_(pump) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::Resource* answer) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const v1::Query* request,
                                 v1::ListPage* answer) override;
  grpc::ServerUnaryReactor* Apply(grpc::CallbackServerContext* context,
                                  const v1::ApplyRequest* request,
                                  v1::ApplyResult* answer) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteRequest* request,
                                   v1::ApplyResult* answer) override;
  grpc::ServerUnaryReactor* UpdateStatus(grpc::CallbackServerContext* context,
                                         const v1::UpdateStatusRequest* request,
                                         v1::UpdateStatusResponse* answer) override;
  grpc::ServerWriteReactor<v1::WatchBatch>* Watch(grpc::CallbackServerContext* context,
                                                  const v1::WatchRequest* request) override;
  grpc::ServerUnaryReactor* Drift(grpc::CallbackServerContext* context,
                                  const v1::DriftRequest* request,
                                  v1::DriftReport* answer) override;

 private:
  Resources& resources() { return calls_.served().resources; }

  Calls& calls_;
  WatchPump& pump_;
};

}  // namespace espalier
