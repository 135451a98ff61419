#include "engine/client/remote_lease.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace espalier {

// One stream: a beat is written and its answer read. Like a watch's reader it is destroyed only
// after gRPC is done with it, and never on a thread of gRPC.
class BeatStream final : public grpc::ClientBidiReactor<v1::Beat, v1::BeatAck> {
 public:
  BeatStream(const Connection& connection, const CallContext& context, v1::AgentService::Stub& stub)
      : clock_(connection.clock()) {
    connection.Prepare(context, call_);
    stub.async()->Session(&call_, this);
    // Between beats nothing is under way; the hold keeps the call open.
    AddHold();
    StartCall();
  }
  ~BeatStream() override {
    call_.TryCancel();
    LetGo();
    clock_.WaitUntil(done_, absl::InfiniteDuration());
  }

  // The answer; or the status with which the stream ended; or nothing within the deadline.
  struct Result {
    std::optional<v1::BeatAck> ack;
    std::optional<grpc::Status> end;
  };

  Result Exchange(const Cancellation* cancellation, const v1::Beat& beat, absl::Duration deadline) {
    {
      MutexLock lock(mu_);
      answered_ = false;
    }
    outgoing_ = beat;
    StartWrite(&outgoing_);
    // Last: when it fails the hold goes, and with it the call.
    StartRead(&incoming_);
    while (true) {
      {
        MutexLock lock(mu_);
        if (answered_) return {.ack = incoming_};
        if (end_.has_value()) return {.end = end_};
      }
      const bool cancelled = cancellation != nullptr && cancellation->cancelled();
      if (cancelled || clock_.Elapsed() >= deadline) return {};
      clock_.WaitUntil(wakeup_, NextLook(clock_, cancellation, deadline));
    }
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      MutexLock lock(mu_);
      answered_ = true;
      wakeup_.Notify();
    } else {
      LetGo();
    }
  }

  void OnDone(const grpc::Status& status) override {
    {
      MutexLock lock(mu_);
      end_ = status;
      wakeup_.Notify();
    }
    // Last: once it is seen, this object goes.
    done_.Notify();
  }

 private:
  void LetGo() {
    {
      MutexLock lock(mu_);
      if (!std::exchange(holding_, false)) return;
    }
    RemoveHold();
  }

  Clock& clock_;
  grpc::ClientContext call_;
  v1::Beat outgoing_;
  v1::BeatAck incoming_;
  Wakeup wakeup_;
  Wakeup done_;

  Mutex mu_;
  bool answered_ ABSL_GUARDED_BY(mu_) = false;
  bool holding_ ABSL_GUARDED_BY(mu_) = true;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mu_);
};

RemoteLease::RemoteLease(const Connection& connection)
    : connection_(connection), stub_(v1::AgentService::NewStub(connection.channel())) {}

RemoteLease::~RemoteLease() = default;

absl::StatusOr<v1::BeatAck> RemoteLease::Beat(const CallContext& context, const v1::Beat& beat) {
  std::unique_ptr<BeatStream> stream;
  {
    MutexLock lock(mu_);
    bool& busy = busy_[beat.host()];
    if (busy) {
      return absl::FailedPreconditionError(
          absl::StrCat("a beat of host ", beat.host(), " is under way"));
    }
    busy = true;
    stream = std::move(streams_[beat.host()]);
  }
  absl::StatusOr<v1::BeatAck> ack = BeatOver(stream, context, beat);
  {
    MutexLock lock(mu_);
    busy_[beat.host()] = false;
    streams_[beat.host()] = std::move(stream);
  }
  return ack;
}

absl::StatusOr<v1::BeatAck> RemoteLease::BeatOver(std::unique_ptr<BeatStream>& stream,
                                                  const CallContext& context,
                                                  const v1::Beat& beat) {
  Clock& clock = connection_.clock();
  const absl::Duration deadline = clock.Elapsed() + context.timeout;
  // A stream that was made earlier may have broken since without anybody looking.
  bool may_be_stale = stream != nullptr;
  while (true) {
    if (stream == nullptr) {
      stream = std::make_unique<BeatStream>(connection_, context, *stub_);
    }
    BeatStream::Result result = stream->Exchange(context.cancellation, beat, deadline);
    if (result.ack.has_value() && result.ack->number() == beat.number()) {
      return *std::move(result.ack);
    }
    stream.reset();
    if (!result.end.has_value()) {
      if (context.cancelled()) return absl::CancelledError("the beat was cancelled");
      return absl::UnavailableError("the engine did not answer a beat in time");
    }
    const bool broken = result.end->ok() ||
                        result.end->error_code() == grpc::StatusCode::UNAVAILABLE ||
                        result.end->error_code() == grpc::StatusCode::CANCELLED;
    if (broken && std::exchange(may_be_stale, false)) continue;
    if (broken) {
      return absl::UnavailableError(
          absl::StrCat("the session with the engine broke: ", result.end->error_message()));
    }
    return connection_.FromGrpc(*result.end);
  }
}

}  // namespace espalier
