#include "engine/server/grpc/agent_service.h"

#include <utility>

#include "absl/status/status.h"

namespace espalier {
namespace {

// Read, answer, read: one thing is under way at a time, so no lock is needed.
class SessionReactor final : public grpc::ServerBidiReactor<v1::Beat, v1::BeatAck> {
 public:
  SessionReactor(Calls& calls, const grpc::CallbackServerContext& context) : calls_(calls) {
    absl::StatusOr<Admitted> admitted = calls_.Admit(context);
    if (!admitted.ok()) {
      Finish(ToGrpc(admitted.status()));
      return;
    }
    admitted_ = *std::move(admitted);
    StartRead(&beat_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    const Served& served = calls_.served();
    const absl::Duration began = served.clock.Elapsed();
    absl::StatusOr<v1::BeatAck> ack = absl::UnauthenticatedError("the token was revoked");
    if (served.tokens.Stands(admitted_.token_id)) ack = served.lease.Beat(admitted_.context, beat_);
    served.metrics.CountCall("grpc", "Beat", ack.status().code(), served.clock.Elapsed() - began);
    if (!ack.ok()) return Finish(ToGrpc(ack.status()));
    ack_ = *std::move(ack);
    StartWrite(&ack_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartRead(&beat_);
  }

  void OnDone() override { delete this; }

 private:
  Calls& calls_;
  Admitted admitted_;
  v1::Beat beat_;
  v1::BeatAck ack_;
};

}  // namespace

grpc::ServerBidiReactor<v1::Beat, v1::BeatAck>* AgentService::Session(
    grpc::CallbackServerContext* context) {
  return new SessionReactor(calls_, *context);
}

}  // namespace espalier
