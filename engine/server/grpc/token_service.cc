#include "engine/server/grpc/token_service.h"

#include <utility>

#include "engine/server/progress.h"

namespace espalier {

grpc::ServerUnaryReactor* TokenService::CreateToken(grpc::CallbackServerContext* context,
                                                    const v1::CreateTokenRequest* request,
                                                    v1::CreateTokenResponse* answer) {
  return calls_.Unary(
      "CreateToken", context, Calls::Runs::kOnPool,
      [=, this](const CallContext& call) { return Into(tokens().Create(call, *request), answer); });
}

grpc::ServerUnaryReactor* TokenService::RevokeToken(grpc::CallbackServerContext* context,
                                                    const v1::RevokeTokenRequest* request,
                                                    v1::RevokeTokenResponse* answer) {
  return calls_.Unary("RevokeToken", context, Calls::Runs::kOnPool,
                      [=, this](const CallContext& call) {
                        const absl::Status revoked = tokens().Revoke(call, request->id());
                        if (revoked.ok()) pump_.CheckNow();
                        return revoked;
                      });
}

grpc::ServerUnaryReactor* TokenService::ListTokens(grpc::CallbackServerContext* context,
                                                   const v1::ListTokensRequest* request,
                                                   v1::ListTokensResponse* answer) {
  return calls_.Unary(
      "ListTokens", context, Calls::Runs::kOnPool,
      [=, this](const CallContext& call) { return Into(tokens().List(call), answer); });
}

grpc::ServerUnaryReactor* TokenService::GetProgress(grpc::CallbackServerContext* context,
                                                    const v1::GetProgressRequest* request,
                                                    v1::GetProgressResponse* answer) {
  return calls_.Unary(
      "GetProgress", context, Calls::Runs::kHere, [=, this](const CallContext& call) {
        return Into(ProgressOf(calls_.served().sessions, call.caller, request->host()), answer);
      });
}

}  // namespace espalier
