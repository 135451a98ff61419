// The gRPC service that tells kept secrets to those who use them. Owned by the server; called on
// gRPC's threads.
#pragma once

#include "engine/server/grpc/calls.h"
#include "espalier/v1/secret_service.grpc.pb.h"

namespace espalier {

class SecretService final : public v1::SecretService::CallbackService {
 public:
  explicit SecretService(Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* Reveal(grpc::CallbackServerContext* context,
                                   const v1::RevealRequest* request,
                                   v1::RevealResponse* answer) override;

 private:
  Calls& calls_;
};

}  // namespace espalier
