// The gRPC service of the audit trail. Owned by the server; called on gRPC's threads.
#pragma once

#include "engine/server/grpc/calls.h"
#include "espalier/v1/audit_service.grpc.pb.h"

namespace espalier {

class AuditService final : public v1::AuditService::CallbackService {
 public:
  explicit AuditService(Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::AuditQuery* request, v1::AuditPage* answer) override;

 private:
  Calls& calls_;
};

}  // namespace espalier
