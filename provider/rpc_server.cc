#include "provider/rpc_server.h"

#include <utility>

#include "engine/base/check.h"

namespace espalier::provider {

RpcCall::RpcCall(RpcServer& server, Clock& clock) : server_(server), clock_(clock) {}

void RpcCall::Finish(const grpc::Status& status) {
  step_ = Step::kFinished;
  stream_.Finish(status, this);
}

void RpcCall::AnswerBytes(const grpc::ByteBuffer& bytes) {
  step_ = Step::kFinished;
  stream_.WriteAndFinish(bytes, grpc::WriteOptions(), grpc::Status::OK, this);
}

bool RpcCall::WriteBytes(const grpc::ByteBuffer& bytes) {
  stream_.Write(bytes, this);
  clock_.WaitUntil(written_, absl::InfiniteDuration());
  return listening_;
}

void RpcCall::OnEvent(bool ok) {
  switch (step_) {
    case Step::kAwaited:
      // Not a call, or none any more: the server ends.
      if (!ok || !server_.Begin()) {
        delete this;
        return;
      }
      server_.Await();
      step_ = Step::kReading;
      stream_.Read(&request_, this);
      return;
    case Step::kReading:
      step_ = Step::kHandled;
      if (ok) {
        server_.Dispatch(context_.method(), *this);
      } else {
        Finish(grpc::Status(grpc::StatusCode::INTERNAL, "the call has no request"));
      }
      return;
    case Step::kHandled:
      listening_ = ok;
      written_.Notify();
      return;
    case Step::kFinished:
      server_.Finished();
      delete this;
      return;
  }
}

RpcServer::RpcServer(Clock& clock, Threads& threads, std::map<std::string, Handler> methods)
    : clock_(clock), threads_(threads), methods_(std::move(methods)) {}

RpcServer::~RpcServer() { ESPALIER_CHECK(thread_ == nullptr); }

bool RpcServer::Start(grpc::ServerBuilder& builder) {
  builder.RegisterAsyncGenericService(&service_);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return false;
  Await();
  thread_ = threads_.Start("grpc", [this] { Serve(); });
  return true;
}

void RpcServer::Stop(absl::Duration patience) {
  if (thread_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(clock_.Now() + patience));
  while (true) {
    {
      MutexLock lock(mu_);
      ended_ = open_ == 0;
      if (ended_) break;
    }
    clock_.WaitUntil(idle_, absl::InfiniteDuration());
  }
  queue_->Shutdown();
  thread_->Join();
  thread_.reset();
}

// The next call, whatever it is, becomes an event of a new RpcCall.
void RpcServer::Await() {
  auto* call = new RpcCall(*this, clock_);
  service_.RequestCall(&call->context_, &call->stream_, queue_.get(), queue_.get(), call);
}

void RpcServer::Dispatch(const std::string& method, RpcCall& call) {
  const auto handler = methods_.find(method);
  if (handler == methods_.end()) {
    call.Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "there is no method " + method));
    return;
  }
  handler->second(call);
}

bool RpcServer::Begin() {
  MutexLock lock(mu_);
  if (!ended_) ++open_;
  return !ended_;
}

void RpcServer::Finished() {
  MutexLock lock(mu_);
  if (--open_ == 0) idle_.Notify();
}

void RpcServer::Serve() {
  void* call = nullptr;
  bool ok = false;
  while (queue_->Next(&call, &ok)) static_cast<RpcCall*>(call)->OnEvent(ok);
}

}  // namespace espalier::provider
