#include "engine/server/grpc/audit_service.h"

namespace espalier {

grpc::ServerUnaryReactor* AuditService::List(grpc::CallbackServerContext* context,
                                             const v1::AuditQuery* request, v1::AuditPage* answer) {
  // A query that matches little looks at much.
  return calls_.Unary("ListAudit", context, Calls::Runs::kOnPool,
                      [=, this](const CallContext& call) {
                        return Into(calls_.served().audit.List(call, *request), answer);
                      });
}

}  // namespace espalier
