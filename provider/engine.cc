#include "provider/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace espalier::provider {
namespace {

// An engine that restarts is back within seconds; a wrong address never is, and should be told
// soon.
constexpr absl::Duration kPatience = absl::Seconds(8);
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(1);
// Writes that lost against another one; more in a row is not chance any more.
constexpr int kAbortedRetries = 3;

Query QueryFor(const Ref& ref) {
  Query query;
  query.add_kinds(InfoOf(ref.kind).name);
  query.set_namespace_(ref.ns);
  query.add_names(ref.name);
  return query;
}

}  // namespace

Engine::Engine(Clock& clock, Random& random, StopSignal& stop, Resources& resources,
               std::string instance)
    : clock_(clock),
      random_(random),
      stop_(stop),
      resources_(resources),
      instance_(std::move(instance)) {}

Owner Engine::owner() const {
  Owner owner;
  owner.set_manager(Owner::TERRAFORM);
  owner.set_instance(instance_);
  return owner;
}

bool Engine::Owns(const Resource& resource) const {
  const Owner& owner = resource.metadata().owner();
  return owner.manager() == Owner::TERRAFORM && owner.instance() == instance_;
}

CallContext Engine::WriteContext() {
  CallContext context;
  context.operation_id = random_.Uid();
  return context;
}

template <typename Answer>
absl::StatusOr<Answer> Engine::Patiently(absl::FunctionRef<absl::StatusOr<Answer>()> call) {
  const absl::Duration deadline = clock_.Elapsed() + kPatience;
  Wakeup wakeup;
  const StopSignal::Listener listener(stop_, wakeup);
  absl::Duration pause = kFirstPause;
  int aborted = 0;
  while (true) {
    absl::StatusOr<Answer> answer = call();
    const bool away = absl::IsUnavailable(answer.status()) && clock_.Elapsed() + pause < deadline;
    const bool lost = absl::IsAborted(answer.status()) && aborted++ < kAbortedRetries;
    if (!away && !lost) return answer;
    if (clock_.WaitFor(wakeup, random_.Jitter(pause, 0.3))) return answer;
    pause = std::min(pause * 2, kLongestPause);
  }
}

absl::StatusOr<Resource> Engine::Get(const Ref& ref) {
  return Patiently<Resource>([&] { return resources_.Get(CallContext(), ref); });
}

absl::StatusOr<ApplyResult> Engine::Write(const ApplyRequest& request) {
  const CallContext context = WriteContext();
  return Patiently<ApplyResult>([&] { return resources_.Apply(context, request); });
}

absl::StatusOr<ApplyResult> Engine::Apply(Declared declared, bool dry_run) {
  ApplyRequest request;
  *request.mutable_owner() = owner();
  request.set_dry_run(dry_run);
  *request.add_objects() = std::move(declared);
  return Write(request);
}

absl::StatusOr<ApplyResult> Engine::Release(const Ref& ref) {
  ApplyRequest request;
  *request.mutable_owner() = owner();
  *request.add_release() = ToProto(ref);
  return Write(request);
}

absl::StatusOr<ApplyResult> Engine::Delete(const Ref& ref, const std::string& uid, bool dry_run) {
  DeleteRequest request;
  *request.mutable_ref() = ToProto(ref);
  request.set_uid(uid);
  *request.mutable_owner() = owner();
  request.set_dry_run(dry_run);
  const CallContext context = WriteContext();
  return Patiently<ApplyResult>([&] { return resources_.Delete(context, request); });
}

WaitResult Engine::Wait(const Ref& ref, absl::Duration timeout, Judge judge) {
  WaitResult result;
  const absl::Duration deadline = clock_.Elapsed() + timeout;
  Wakeup wakeup;
  const StopSignal::Listener listener(stop_, wakeup);
  std::unique_ptr<Watch> watch;
  // Judges what is known now; true when the wait is over.
  const auto judged = [&] {
    Verdict verdict = judge(result.last ? &*result.last : nullptr);
    result.why = std::move(verdict.why);
    result.end = verdict.progress == Verdict::Progress::kFailed ? WaitResult::End::kFailed
                                                                : WaitResult::End::kDone;
    return verdict.progress != Verdict::Progress::kWaiting;
  };
  while (true) {
    if (stop_.stopped()) {
      result.end = WaitResult::End::kStopped;
      return result;
    }
    if (clock_.Elapsed() >= deadline) {
      result.end = WaitResult::End::kTimedOut;
      return result;
    }
    absl::Duration wake_at = deadline;
    absl::Status trouble;
    if (watch == nullptr) {
      CallContext context;
      context.timeout = deadline - clock_.Elapsed();
      // From nothing: whatever was missed meanwhile, the object as it is now comes first.
      absl::StatusOr<std::unique_ptr<Watch>> started =
          resources_.StartWatch(context, QueryFor(ref), "");
      if (started.ok()) {
        watch = *std::move(started);
        watch->NotifyOn(wakeup);
      } else {
        trouble = started.status();
      }
    }
    if (watch != nullptr) {
      const absl::StatusOr<WatchBatch> batch = watch->Next(clock_.Elapsed());
      if (batch.ok()) {
        for (const Event& event : batch->events()) {
          if (event.type() == Event::PUT) result.last = event.resource();
          if (event.type() == Event::GONE) result.last.reset();
        }
        // Before the first state is complete, absence means nothing.
        if ((batch->synced() || result.last) && judged()) return result;
      } else {
        trouble = batch.status();
        watch.reset();
      }
    }
    if (!trouble.ok()) {
      result.why = std::string(trouble.message());
      if (absl::IsPermissionDenied(trouble) || absl::IsUnauthenticated(trouble)) {
        result.end = WaitResult::End::kFailed;
        return result;
      }
      wake_at = std::min(deadline, clock_.Elapsed() + random_.Jitter(kLongestPause, 0.3));
    }
    clock_.WaitUntil(wakeup, wake_at);
  }
}

}  // namespace espalier::provider
