// The gRPC service of tokens, and of the sessions' view. Owned by the server; called on gRPC's
// threads.
#pragma once

#include "engine/server/grpc/calls.h"
#include "engine/server/watch_pump.h"
#include "espalier/v1/agent_service.grpc.pb.h"

namespace espalier {

class TokenService final : public v1::TokenService::CallbackService {
 public:
  TokenService(Calls& calls, WatchPump& pump) : calls_(calls), pump_(pump) {}

  grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context,
                                        const v1::CreateTokenRequest* request,
                                        v1::CreateTokenResponse* answer) override;
  grpc::ServerUnaryReactor* RevokeToken(grpc::CallbackServerContext* context,
                                        const v1::RevokeTokenRequest* request,
                                        v1::RevokeTokenResponse* answer) override;
  grpc::ServerUnaryReactor* ListTokens(grpc::CallbackServerContext* context,
                                       const v1::ListTokensRequest* request,
                                       v1::ListTokensResponse* answer) override;
  grpc::ServerUnaryReactor* GetProgress(grpc::CallbackServerContext* context,
                                        const v1::GetProgressRequest* request,
                                        v1::GetProgressResponse* answer) override;

 private:
  Tokens& tokens() { return calls_.served().tokens; }

  Calls& calls_;
  WatchPump& pump_;
};

}  // namespace espalier
