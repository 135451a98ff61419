// RpcConnection: gRPC's calls on one connection of HTTP/2. nghttp2 reads and writes the frames;
// here is what gRPC says on top of them. The server's thread reads; whoever answers also writes, so
// that no other thread has to be woken for it. Owned by the server. Thread-safe but where it says
// otherwise.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "provider/channel.h"
#include "provider/rpc_call.h"

struct nghttp2_session;

namespace espalier::provider {

struct RpcLimits {
  // Of one request. A larger one is refused.
  std::size_t message_bytes = 4 << 20;
  // Calls at once; core keeps what is more.
  std::uint32_t calls = 1024;
};

class RpcConnection {
 public:
  // `wake` makes the server's thread look at this again; it neither blocks nor calls back.
  // Borrowed: clock.
  RpcConnection(Clock& clock, Channel channel, const RpcLimits& limits, std::function<void()> wake);
  // REQUIRES: there are no calls.
  ~RpcConnection();

  // For the server's thread: what it waits for, and what it does then.
  pollfd Awaited() const;
  // Reads what has come. The calls are complete, and to be finished by whoever handles them.
  // What is answered meanwhile is written by Flush, which follows.
  std::vector<RpcCall*> Receive();
  void Flush();
  // Takes no more calls, and gives up those whose request is not complete.
  void Retire();
  // Tells the callers of all that is left.
  void CancelCalls();
  bool HasCalls() const;
  // Whether nothing comes any more and nobody has a call of it.
  bool IsOver() const;

 private:
  friend class RpcAnswers;
  friend class RpcCall;
  struct Callbacks;

  // For calls.
  bool Write(RpcCall& call, std::string bytes);
  // They are calls of this connection.
  void Answer(absl::Span<RpcAnswers::Answer> answers);
  void Finish(RpcCall& call, const absl::Status& status);

  // What to do with a request that is complete, or never will be.
  void Complete(RpcCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Begins the answer, or goes on with it.
  void Continue(RpcCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Refuse(RpcCall& call, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteOut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What was answered is written now, or soon by who reads at this moment.
  void WriteOutSoon() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Close() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Nobody can be answered any more. Ends the call unless a handler has it.
  void Abandon(RpcCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Erase(RpcCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  struct SessionFree {
    void operator()(nghttp2_session* session) const;
  };

  // Constant after construction.
  Clock& clock_;
  const RpcLimits limits_;
  const std::function<void()> wake_;
  // Of the server's thread.
  std::string input_;

  mutable Mutex mu_;
  Channel channel_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<nghttp2_session, SessionFree> session_ ABSL_GUARDED_BY(mu_);
  std::unordered_map<std::int32_t, std::unique_ptr<RpcCall>> calls_ ABSL_GUARDED_BY(mu_);
  // Complete, and not handed out yet.
  std::vector<RpcCall*> come_ ABSL_GUARDED_BY(mu_);
  // What is to be written next; bounded, because more is only made when it is empty.
  std::string output_ ABSL_GUARDED_BY(mu_);
  std::size_t output_written_ ABSL_GUARDED_BY(mu_) = 0;
  // Whether the socket takes no more at the moment.
  bool blocked_ ABSL_GUARDED_BY(mu_) = false;
  // Whether the server's thread will write soon.
  bool gathering_ ABSL_GUARDED_BY(mu_) = false;
  bool retired_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace espalier::provider
