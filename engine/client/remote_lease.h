// RemoteLease: beats of agents to an engine elsewhere, over one stream per host that is made anew
// when it breaks. Thread-safe; one beat per host at a time.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "engine/api/sessions.h"
#include "engine/base/mutex.h"
#include "engine/client/connection.h"
#include "espalier/v1/agent_service.grpc.pb.h"

namespace espalier {

class BeatStream;

class RemoteLease final : public Lease {
 public:
  // `connection` must outlive it.
  explicit RemoteLease(const Connection& connection);
  ~RemoteLease() override;

  // FAILED_PRECONDITION while another beat of the same host is under way; UNAVAILABLE when no
  // answer comes within the timeout.
  absl::StatusOr<v1::BeatAck> Beat(const CallContext& context, const v1::Beat& beat) override;

 private:
  absl::StatusOr<v1::BeatAck> BeatOver(std::unique_ptr<BeatStream>& stream,
                                       const CallContext& context, const v1::Beat& beat);

  const Connection& connection_;
  const std::unique_ptr<v1::AgentService::Stub> stub_;

  Mutex mu_;
  // A beat takes its host's stream out and puts it back.
  std::map<std::string, std::unique_ptr<BeatStream>> streams_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, bool> busy_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
