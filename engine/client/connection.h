// Connection: the channel to the engine, and what every call on it carries. gRPC is included here,
// so only .cc files of this folder include it. Thread-safe; shared by all that call.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/client/remote.h"

namespace espalier {

class Connection {
 public:
  // See MakeRemote for the errors.
  static absl::StatusOr<std::unique_ptr<Connection>> Make(Clock& clock, Io& io,
                                                          const RemoteOptions& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  Clock& clock() const { return clock_; }

  // Puts token, operation id and revision of a call into its metadata.
  void Prepare(const CallContext& context, grpc::ClientContext& call) const;
  // The same code, and for UNAVAILABLE which engine it was and whether it heard of the call.
  absl::Status FromGrpc(const grpc::Status& status) const;

  // Starts a call with `start(call, queue, result)`, whose end comes out of the queue, and waits
  // for that, its timeout or its cancellation. The caller reads the connection itself: no other
  // thread has to wake.
  absl::Status Wait(
      const CallContext& context,
      absl::FunctionRef<void(grpc::ClientContext*, grpc::CompletionQueue*, grpc::Status*)> start)
      const;
  // The same for few and small calls: `start(call, done)`.
  absl::Status Unary(const CallContext& context,
                     const std::function<void(grpc::ClientContext*,
                                              std::function<void(grpc::Status)>)>& start) const;

 private:
  // FromGrpc, and when the engine asks to be called again, if it has too much to do (RetryAfter).
  absl::Status FromUnary(const grpc::Status& status, const grpc::ClientContext& call) const;
  // Prepare, and the deadline.
  void SetUp(const CallContext& context, grpc::ClientContext& call) const;

  Connection(Clock& clock, std::string engine, const std::string& token,
             std::shared_ptr<grpc::Channel> channel);

  Clock& clock_;
  const std::string engine_;
  const std::string authorization_;
  const std::shared_ptr<grpc::Channel> channel_;  // gRPC's own ownership
};

// When to look again: at `deadline`, or sooner if a cancellation has to be noticed.
absl::Duration NextLook(Clock& clock, const Cancellation* cancellation, absl::Duration deadline);

}  // namespace espalier
