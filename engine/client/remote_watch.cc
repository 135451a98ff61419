#include "engine/client/remote_watch.h"

#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "engine/base/limits.h"
#include "engine/base/mutex.h"

namespace espalier {
namespace {

// gRPC's side of a watch. Shared with the watch, because gRPC may be at work on it after the watch
// is gone: it lets go of itself in OnDone.
class Reader final : public grpc::ClientReadReactor<WatchBatch> {
 public:
  Reader(const Connection& connection, const CallContext& context, v1::ResourcesService::Stub& stub,
         v1::WatchRequest request)
      : request_(std::move(request)) {
    connection.Prepare(context, call_);
    stub.async()->Watch(&call_, &request_, this);
    // Reads are also started by the watcher's thread: the hold keeps the call from ending under it.
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }

  struct Result {
    std::optional<WatchBatch> batch;
    // The stream has ended, and everything before its end was taken.
    std::optional<grpc::Status> end;
  };

  Result Take() {
    Result result;
    bool read = false;
    {
      MutexLock lock(mu_);
      if (!batches_.empty()) {
        result.batch = std::move(batches_.front());
        batches_.pop_front();
        read = paused_ && holding_;
        if (read) paused_ = false;
      } else {
        result.end = end_;
      }
    }
    if (read) StartRead(&incoming_);
    return result;
  }

  void NotifyOn(Wakeup& outer) {
    MutexLock lock(mu_);
    outer_ = &outer;
    if (!batches_.empty() || end_.has_value()) outer.Notify();
  }

  // The watch is going away: ends the call and waits until gRPC is done with it.
  void Close(Clock& clock) {
    bool let_go = false;
    {
      MutexLock lock(mu_);
      outer_ = nullptr;
      closed_ = true;
      let_go = paused_ && holding_;
      if (let_go) holding_ = false;
    }
    call_.TryCancel();
    if (let_go) RemoveHold();
    clock.WaitUntil(done_, absl::InfiniteDuration());
  }

  Wakeup& wakeup() { return wakeup_; }

  void OnReadDone(bool ok) override {
    bool read = false;
    bool let_go = false;
    {
      MutexLock lock(mu_);
      if (ok) batches_.push_back(std::move(incoming_));
      if (!ok || closed_) {
        let_go = std::exchange(holding_, false);
      } else {
        read = batches_.size() < limits::kWatchReadAhead;
        paused_ = !read;
      }
      WakeLocked();
    }
    if (read) {
      incoming_.Clear();
      StartRead(&incoming_);
    }
    if (let_go) RemoveHold();
  }

  void OnDone(const grpc::Status& status) override {
    {
      MutexLock lock(mu_);
      end_ = status;
      WakeLocked();
    }
    // Last: once it is seen, this object goes.
    done_.Notify();
  }

 private:
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    wakeup_.Notify();
    // Under the lock, so that Close knows that nobody uses it any more.
    if (outer_ != nullptr) outer_->Notify();
  }

  grpc::ClientContext call_;
  v1::WatchRequest request_;
  // gRPC's while a read is under way.
  WatchBatch incoming_;
  Wakeup wakeup_;
  Wakeup done_;

  Mutex mu_;
  std::deque<WatchBatch> batches_ ABSL_GUARDED_BY(mu_);
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mu_);
  Wakeup* outer_ ABSL_GUARDED_BY(mu_) = nullptr;
  // No read is under way because enough lies here.
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  bool holding_ ABSL_GUARDED_BY(mu_) = true;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

class RemoteWatch final : public Watch {
 public:
  RemoteWatch(const Connection& connection, const Cancellation* cancellation,
              std::unique_ptr<Reader> reader, std::string resume)
      : connection_(connection), cancellation_(cancellation), reader_(std::move(reader)) {
    reached_.set_resume(std::move(resume));
  }
  ~RemoteWatch() override { reader_->Close(connection_.clock()); }

  absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
    Clock& clock = connection_.clock();
    while (true) {
      Reader::Result result = reader_->Take();
      if (result.batch.has_value()) {
        reached_.set_resume(result.batch->resume());
        reached_.set_revision(result.batch->revision());
        reached_.set_synced(result.batch->synced());
        return *std::move(result.batch);
      }
      if (result.end.has_value()) {
        if (result.end->ok()) return absl::UnavailableError("the engine ended the watch");
        return connection_.FromGrpc(*result.end);
      }
      if (cancellation_ != nullptr && cancellation_->cancelled()) {
        return absl::CancelledError("the watch was cancelled");
      }
      if (clock.Elapsed() >= deadline) return reached_;
      clock.WaitUntil(reader_->wakeup(), NextLook(clock, cancellation_, deadline));
    }
  }

  void NotifyOn(Wakeup& wakeup) override { reader_->NotifyOn(wakeup); }

 private:
  const Connection& connection_;
  const Cancellation* const cancellation_;
  const std::unique_ptr<Reader> reader_;
  // An empty batch that says how far this watch has come.
  WatchBatch reached_;
};

}  // namespace

std::unique_ptr<Watch> StartRemoteWatch(const Connection& connection, const CallContext& context,
                                        v1::ResourcesService::Stub& stub,
                                        v1::WatchRequest request) {
  std::string resume = request.resume();
  return std::make_unique<RemoteWatch>(
      connection, context.cancellation,
      std::make_unique<Reader>(connection, context, stub, std::move(request)), std::move(resume));
}

}  // namespace espalier
