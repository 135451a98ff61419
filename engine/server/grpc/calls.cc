#include "engine/server/grpc/calls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/api/call_metadata.h"
#include "engine/base/retry_after.h"

namespace espalier {
namespace {

// Of 9,000 bytes gRPC makes another error, of 7,000 not; percent encoding may treble some.
constexpr std::size_t kMessageBytes = 2000;
// Of a call that names none, and the longest that one may name.
constexpr absl::Duration kDefaultTimeout = absl::Seconds(30);
constexpr absl::Duration kLongestTimeout = absl::Minutes(30);
// By then some of the calls that wait have had their turn.
constexpr absl::Duration kBusy = absl::Seconds(1);

absl::string_view MetadataOf(const grpc::CallbackServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return "";
  return absl::string_view(found->second.data(), found->second.size());
}

}  // namespace

// Lives from the call's arrival until gRPC is done with it.
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  UnaryReactor(Calls& calls, const char* method, grpc::CallbackServerContext& call,
               Calls::Work work)
      : calls_(calls),
        call_(call),
        served_(calls.served()),
        method_(method),
        work_(std::move(work)),
        started_(served_.clock.Elapsed()),
        entered_(calls.Enter()) {}

  bool entered() const { return entered_; }

  void Begin(CallContext context) {
    context_ = std::move(context);
    context_.cancellation = &cancellation_;
  }

  void Run() {
    if (cancellation_.cancelled()) return End(absl::CancelledError("the caller is gone"));
    // What the call has waited for a worker is part of its time.
    context_.timeout -= served_.clock.Elapsed() - started_;
    if (context_.timeout <= absl::ZeroDuration()) {
      return End(absl::DeadlineExceededError("the deadline passed before the call began"));
    }
    End(work_(context_));
  }

  void End(const absl::Status& status) {
    served_.metrics.CountCall("grpc", method_, status.code(), served_.clock.Elapsed() - started_);
    if (const absl::Duration wait = RetryAfter(status); wait > absl::ZeroDuration()) {
      call_.AddTrailingMetadata(kRetryAfterMetadata, absl::StrCat(absl::ToInt64Milliseconds(wait)));
    }
    Finish(ToGrpc(status));
  }

  void OnCancel() override { cancellation_.Cancel(); }
  void OnDone() override {
    if (entered_) calls_.Leave();
    delete this;
  }

 private:
  Calls& calls_;
  // gRPC's, which outlives the reactor.
  grpc::CallbackServerContext& call_;
  const Served& served_;
  const char* const method_;
  Calls::Work work_;
  const absl::Duration started_;
  const bool entered_;
  Cancellation cancellation_;
  CallContext context_;
};

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message().substr(0, kMessageBytes)));
}

absl::StatusOr<Admitted> Calls::Admit(const grpc::CallbackServerContext& context) {
  absl::string_view token = MetadataOf(context, "authorization");
  constexpr absl::string_view kScheme = "bearer ";
  if (absl::StartsWithIgnoreCase(token, kScheme)) token.remove_prefix(kScheme.size());
  absl::StatusOr<Identity> identity = served_.tokens.Authenticate(token);
  if (!identity.ok()) {
    served_.metrics.CountRejected("grpc");
    return std::move(identity).status();
  }
  Admitted admitted{.token_id = identity->token_id};
  admitted.context.caller = std::move(identity->caller);
  const auto deadline = context.deadline();
  admitted.context.timeout = kDefaultTimeout;
  if (deadline != std::chrono::system_clock::time_point::max()) {
    admitted.context.timeout =
        std::min(absl::FromChrono(deadline) - served_.clock.Now(), kLongestTimeout);
  }
  admitted.context.operation_id = std::string(MetadataOf(context, kOperationIdMetadata));
  const absl::string_view revision = MetadataOf(context, kMinRevisionMetadata);
  if (!revision.empty() && !absl::SimpleAtoi(revision, &admitted.context.min_revision)) {
    return absl::InvalidArgumentError(absl::StrCat(kMinRevisionMetadata, " is no number"));
  }
  return admitted;
}

grpc::ServerUnaryReactor* Calls::Unary(const char* method, grpc::CallbackServerContext* context,
                                       Runs runs, Work work) {
  auto* const reactor = new UnaryReactor(*this, method, *context, std::move(work));
  if (!reactor->entered()) {
    reactor->End(absl::UnavailableError("the engine is stopping"));
    return reactor;
  }
  absl::StatusOr<Admitted> admitted = Admit(*context);
  if (!admitted.ok()) {
    reactor->End(admitted.status());
    return reactor;
  }
  reactor->Begin(std::move(admitted->context));
  if (runs == Runs::kHere) {
    reactor->Run();
  } else if (absl::Status posted = pool_.Post([reactor] { reactor->Run(); }); !posted.ok()) {
    reactor->End(absl::IsResourceExhausted(posted) ? WithRetryAfter(posted, kBusy) : posted);
  }
  return reactor;
}

bool Calls::Enter() {
  MutexLock lock(mu_);
  if (draining_) return false;
  ++active_;
  return true;
}

void Calls::Leave() {
  // Raised under the lock: whoever drains destroys this object as soon as it has seen zero.
  MutexLock lock(mu_);
  if (--active_ == 0 && draining_) drained_.Notify();
}

void Calls::Drain(absl::Duration deadline) {
  bool waits = false;
  {
    MutexLock lock(mu_);
    draining_ = true;
    waits = active_ > 0;
  }
  if (waits) served_.clock.WaitUntil(drained_, deadline);
}

}  // namespace espalier
