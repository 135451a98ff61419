// RpcServer: serves gRPC calls of any method to whoever connects to one socket. One thread reads
// calls, hands each to its handler and never waits for anything else; answers are written by
// whoever has them. With gRPC's own servers a call costs more of threads and queues than of all the
// rest. Thread-safe.
//
//   socket --poll--> RpcConnection::Receive --RpcCall--> handler --> RpcCall::Answer --> socket
//                      (this thread)                  (this thread, or a worker's)
#pragma once

#include <poll.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "provider/channel.h"
#include "provider/rpc_call.h"
#include "provider/rpc_connection.h"

namespace espalier::provider {

class RpcServer {
 public:
  // Runs on the server's thread and does not block: it finishes the call, or sees to it that
  // somebody does.
  using Handler = std::function<void(RpcCall&)>;

  // `methods` by their full names: "/package.Service/Method". Borrowed: clock, threads.
  RpcServer(Clock& clock, Threads& threads, std::map<std::string, Handler> methods,
            const RpcLimits& limits);
  // REQUIRES: Stop has returned, or Start has not been called.
  ~RpcServer();

  // Serves who connects to `listener`; without `tls` in the clear. INTERNAL if the machine is out
  // of descriptors.
  absl::Status Start(Descriptor listener, std::unique_ptr<TlsServer> tls);
  // Takes no more calls and waits until those under way are finished. After `patience` their
  // callers are told that they were cancelled. Once.
  void Stop(absl::Duration patience);

 private:
  void Serve();
  // Waits until something comes, and takes it.
  void Turn(absl::Duration timeout);
  void Receive(RpcConnection& connection);
  void Dispatch(RpcCall& call);
  // Makes the thread look around.
  void Wake();
  absl::Duration StopsAt() const;

  Clock& clock_;
  Threads& threads_;
  const std::map<std::string, Handler> methods_;
  const RpcLimits limits_;
  // Constant after Start.
  std::unique_ptr<TlsServer> tls_;
  Descriptor wake_read_;
  Descriptor wake_write_;
  std::unique_ptr<Thread> thread_;

  // Of the thread.
  Descriptor listener_;
  std::vector<std::unique_ptr<RpcConnection>> connections_;
  std::vector<pollfd> polled_;

  mutable Mutex mu_;
  // When Stop is out of patience.
  absl::Duration stops_at_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
};

}  // namespace espalier::provider
