#include "engine/server/grpc/secret_service.h"

#include <string>
#include <utility>

namespace espalier {

grpc::ServerUnaryReactor* SecretService::Reveal(grpc::CallbackServerContext* context,
                                                const v1::RevealRequest* request,
                                                v1::RevealResponse* answer) {
  return calls_.Unary("Reveal", context, Calls::Runs::kOnPool, [=, this](const CallContext& call) {
    absl::StatusOr<std::string> value = calls_.served().secrets.Reveal(call, request->sealed());
    if (value.ok()) answer->set_value(*std::move(value));
    return value.status();
  });
}

}  // namespace espalier
