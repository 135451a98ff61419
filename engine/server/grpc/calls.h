// Calls: what every gRPC service here shares: who calls, until when, where the work runs, and how a
// status is told. One per server; thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/base/worker_pool.h"
#include "engine/server/auth/tokens.h"
#include "engine/server/grpc_server.h"

namespace espalier {

// The same code; messages are cut to what fits into gRPC's trailers.
grpc::Status ToGrpc(const absl::Status& status);

// The answer of a call into the message that gRPC sends.
template <typename Message>
absl::Status Into(absl::StatusOr<Message> result, Message* answer) {
  if (!result.ok()) return std::move(result).status();
  *answer = *std::move(result);
  return absl::OkStatus();
}

// A caller that was let in.
struct Admitted {
  std::string token_id;
  CallContext context;
};

class Calls {
 public:
  using Work = absl::AnyInvocable<absl::Status(const CallContext&)>;
  enum class Runs {
    // On gRPC's thread: answers from memory.
    kHere,
    // On the pool: may wait for a disk or compute for long.
    kOnPool,
  };

  Calls(const Served& served, WorkerPool& pool) : served_(served), pool_(pool) {}

  // Checks the token and reads deadline, operation id and revision. UNAUTHENTICATED.
  absl::StatusOr<Admitted> Admit(const grpc::CallbackServerContext& context);

  // Admits the call and does `work`, whose status is its answer. Gives the reactor that gRPC wants.
  grpc::ServerUnaryReactor* Unary(const char* method, grpc::CallbackServerContext* context,
                                  Runs runs, Work work);

  // Refuses new calls and waits for those under way, at most until the clock's Elapsed() is
  // `deadline`.
  void Drain(absl::Duration deadline);

  const Served& served() const { return served_; }
  WorkerPool& pool() { return pool_; }

 private:
  friend class UnaryReactor;
  // Whether a call may begin; if so, Leave follows.
  bool Enter();
  void Leave();

  const Served served_;
  WorkerPool& pool_;

  Wakeup drained_;
  Mutex mu_;
  int active_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace espalier
