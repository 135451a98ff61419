// RpcServer: serves gRPC calls of any method on one thread, which reads calls and writes answers
// and never waits for anything else. With gRPC's own servers several threads take turns at the
// socket, and a call costs more of their waking each other than of all the rest. gRPC is included
// here, so only .cc files of this folder include it. Thread-safe.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"

namespace espalier::provider {

class RpcServer;

// A call whose request has come. Lives until it is finished.
class RpcCall {
 public:
  RpcCall(RpcServer& server, Clock& clock);
  RpcCall(const RpcCall&) = delete;
  RpcCall& operator=(const RpcCall&) = delete;

  // False, and the call is finished, if the request is none of this type.
  template <typename Request>
  bool Parse(Request& request) {
    // Takes the bytes.
    if (grpc::SerializationTraits<Request>::Deserialize(&request_, &request).ok()) return true;
    Finish(grpc::Status(grpc::StatusCode::INTERNAL, "the request cannot be read"));
    return false;
  }
  // Writes one message of a stream and blocks until it is on its way: false if nobody listens any
  // more. Not from the server's thread.
  template <typename Message>
  bool Write(const Message& message) {
    return WriteBytes(Serialized(message));
  }
  // Each ends the call, once; it is not to be touched any more.
  template <typename Message>
  void Answer(const Message& message) {
    AnswerBytes(Serialized(message));
  }
  void Finish(const grpc::Status& status);

 private:
  friend class RpcServer;
  enum class Step { kAwaited, kReading, kHandled, kFinished };

  template <typename Message>
  static grpc::ByteBuffer Serialized(const Message& message) {
    grpc::ByteBuffer bytes;
    bool own = false;
    // Fails only for messages of more than 2 GiB.
    grpc::SerializationTraits<Message>::Serialize(message, &bytes, &own);
    return bytes;
  }
  bool WriteBytes(const grpc::ByteBuffer& bytes);
  void AnswerBytes(const grpc::ByteBuffer& bytes);
  // On the server's thread: what was begun last has ended.
  void OnEvent(bool ok);

  RpcServer& server_;
  Clock& clock_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer request_;
  // What comes next; handed from thread to thread by gRPC's queue.
  Step step_ = Step::kAwaited;
  Wakeup written_;
  bool listening_ = true;
};

class RpcServer {
 public:
  // Runs on the server's thread and does not block: it finishes the call, or sees to it that
  // somebody does.
  using Handler = std::function<void(RpcCall&)>;

  // `methods` by their full names: "/package.Service/Method". Borrowed: clock, threads.
  RpcServer(Clock& clock, Threads& threads, std::map<std::string, Handler> methods);
  // REQUIRES: Stop has returned, or Start has not been called.
  ~RpcServer();

  // Listens as the builder says and serves. False if that cannot be.
  bool Start(grpc::ServerBuilder& builder);
  // Takes no more calls and waits until those under way are finished. After `patience` their
  // callers are told that they were cancelled. Once.
  void Stop(absl::Duration patience);

 private:
  friend class RpcCall;
  void Await();
  void Dispatch(const std::string& method, RpcCall& call);
  void Serve();
  // Counts a call; false once the server has ended.
  bool Begin();
  void Finished();

  Clock& clock_;
  Threads& threads_;
  const std::map<std::string, Handler> methods_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Thread> thread_;
  // Raised when the last call is finished.
  Wakeup idle_;
  Mutex mu_;
  // Calls that have come and are not finished yet: the queue outlives them.
  int open_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace espalier::provider
