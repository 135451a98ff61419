// The gRPC service of agents' sessions: one stream per host, each beat answered at once. Owned by
// the server; called on gRPC's threads.
#pragma once

#include "engine/server/grpc/calls.h"
#include "espalier/v1/agent_service.grpc.pb.h"

namespace espalier {

class AgentService final : public v1::AgentService::CallbackService {
 public:
  explicit AgentService(Calls& calls) : calls_(calls) {}

  grpc::ServerBidiReactor<v1::Beat, v1::BeatAck>* Session(
      grpc::CallbackServerContext* context) override;

 private:
  Calls& calls_;
};

}  // namespace espalier
