#include "engine/server/grpc/watch_stream.h"

#include <utility>

#include "absl/time/time.h"

namespace espalier {

WatchStream* WatchStream::Begin(Calls& calls, WatchPump& pump, grpc::CallbackServerContext* context,
                                const v1::WatchRequest& request) {
  auto stream = std::make_shared<WatchStream>(calls, pump, context);
  WatchStream* const raw = stream.get();
  raw->self_ = stream;
  absl::StatusOr<Admitted> admitted = calls.Admit(*context);
  if (!admitted.ok()) {
    raw->Finish(admitted.status());
    return raw;
  }
  // Making the first state of a large watch takes a while: not on gRPC's thread.
  absl::Status posted = calls.pool().Post([stream, admitted = *std::move(admitted), request] {
    stream->StartWatching(admitted, request);
  });
  if (!posted.ok()) raw->Finish(posted);
  return raw;
}

void WatchStream::StartWatching(const Admitted& admitted, const v1::WatchRequest& request) {
  const Served& served = calls_.served();
  const absl::Duration began = served.clock.Elapsed();
  absl::StatusOr<std::unique_ptr<espalier::Watch>> watch =
      served.resources.StartWatch(admitted.context, request.query(), request.resume());
  absl::Status status = watch.status();
  if (watch.ok()) status = pump_.Add(*std::move(watch), self_, admitted.token_id);
  served.metrics.CountCall("grpc", "Watch", status.code(), served.clock.Elapsed() - began);
  if (!status.ok()) Finish(status);
}

void WatchStream::Write(WatchBatch batch) {
  {
    MutexLock lock(mu_);
    if (finished_) return;
    writing_ = true;
  }
  batch_ = std::move(batch);
  StartWrite(&batch_);
}

void WatchStream::OnWriteDone(bool ok) {
  absl::Status final_status;
  {
    MutexLock lock(mu_);
    writing_ = false;
    if (cancelling_) return;
    if (finished_) final_status = final_;
  }
  if (!final_status.ok()) {
    ServerWriteReactor::Finish(ToGrpc(final_status));
  } else if (ok) {
    pump_.Sent(id);
  } else {
    pump_.Gone(id);
  }
}

void WatchStream::Finish(const absl::Status& status) {
  bool still_writing = false;
  {
    MutexLock lock(mu_);
    if (finished_) return;
    finished_ = true;
    final_ = status;
    still_writing = cancelling_ = writing_;
  }
  if (still_writing) {
    // The client does not read. Cancelling fails the write, and its end finishes the call.
    context_->TryCancel();
    MutexLock lock(mu_);
    cancelling_ = false;
    still_writing = writing_;
  }
  if (!still_writing) ServerWriteReactor::Finish(ToGrpc(status));
}

}  // namespace espalier
