// WatchStream: one client's watch as a gRPC stream, fed by the pump. It is kept alive by gRPC until
// the call is done and by the pump as long as it feeds it. gRPC's threads and the pump's meet here.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "engine/base/mutex.h"
#include "engine/server/grpc/calls.h"
#include "engine/server/watch_pump.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

class WatchStream final : public grpc::ServerWriteReactor<v1::WatchBatch>,
                          public WatchPump::Stream {
 public:
  // Admits the caller, starts the watch on the pool and gives it to the pump.
  static WatchStream* Begin(Calls& calls, WatchPump& pump, grpc::CallbackServerContext* context,
                            const v1::WatchRequest& request);

  WatchStream(Calls& calls, WatchPump& pump, grpc::CallbackServerContext* context)
      : Stream(pump), calls_(calls), pump_(pump), context_(context) {}

  // WatchPump::Stream.
  void Write(WatchBatch batch) override;
  void Finish(const absl::Status& status) override;

  // gRPC's reactions.
  void OnWriteDone(bool ok) override;
  void OnCancel() override { pump_.Gone(id); }
  void OnDone() override { self_.reset(); }

 private:
  void StartWatching(const Admitted& admitted, const v1::WatchRequest& request);

  Calls& calls_;
  WatchPump& pump_;
  grpc::CallbackServerContext* const context_;
  // Shared with the pump; let go when gRPC is done.
  std::shared_ptr<WatchStream> self_;
  // Belongs to gRPC while a write is under way.
  v1::WatchBatch batch_;

  Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  // Finish is inside TryCancel, which may call OnWriteDone on the same thread; the call must not
  // end before it returns.
  bool cancelling_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status final_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
