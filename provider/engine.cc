#include "provider/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/retry_after.h"
#include "engine/model/problem.h"

namespace espalier::provider {
namespace {

// An engine that restarts is back within seconds; a wrong address never is, and should be told
// soon.
constexpr absl::Duration kPatience = absl::Seconds(8);
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(1);
// Doubled each time: an audit trail shows each refusal.
constexpr absl::Duration kFirstPauseForRoom = absl::Milliseconds(500);
// Writes that lost against another one; more in a row is not chance any more.
constexpr int kAbortedRetries = 3;
// Writes of which nobody knows whether they were carried out. Under the same operation id the
// engine answers as it did, or does it now; without that, what it made would be in nobody's state.
constexpr int kUnsureRetries = 2;
// How long the engine may take for a write once the user wants an end.
constexpr absl::Duration kLastWord = absl::Seconds(2);

Query QueryFor(const Ref& ref) {
  Query query;
  query.add_kinds(InfoOf(ref.kind).name);
  query.set_namespace_(ref.ns);
  query.add_names(ref.name);
  return query;
}

bool IsOverQuota(const ApplyResult& result) {
  return std::any_of(result.problems().begin(), result.problems().end(),
                     [](const Problem& problem) {
                       return problem.severity() == Problem::ERROR && Is(problem, "quota_exceeded");
                     });
}

absl::Status Interrupted() { return absl::CancelledError("the run was interrupted"); }

}  // namespace

bool IsUnsure(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) || absl::IsInternal(status) || absl::IsUnknown(status) ||
         absl::IsCancelled(status);
}

Engine::Engine(Clock& clock, Random& random, StopSignal& stop, Remote& remote, std::string instance,
               absl::Duration request_timeout)
    : clock_(clock),
      random_(random),
      stop_(stop),
      remote_(remote),
      resources_(remote.resources()),
      instance_(std::move(instance)),
      preview_(random.Uid()),
      request_timeout_(request_timeout) {}

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

CallContext Engine::Context() const {
  CallContext context;
  context.timeout = request_timeout_;
  context.cancellation = stop_.cancellation();
  return context;
}

template <typename Answer>
absl::StatusOr<Answer> Engine::Patiently(Repeat repeat,
                                         absl::FunctionRef<absl::StatusOr<Answer>()> call) {
  const absl::Duration deadline = clock_.Elapsed() + kPatience;
  Wakeup wakeup;
  const StopSignal::Listener listener(stop_, wakeup);
  absl::Duration pause = kFirstPause;
  int aborted = 0;
  int unsure = repeat == Repeat::kNamedWrite ? 0 : kUnsureRetries;
  while (true) {
    absl::StatusOr<Answer> answer = call();
    if (absl::IsCancelled(answer.status()) && stop_.stopped()) return Interrupted();
    const bool harmless = repeat != Repeat::kWrite || IsUnsent(answer.status());
    const bool away =
        absl::IsUnavailable(answer.status()) && harmless && clock_.Elapsed() + pause < deadline;
    const bool lost = absl::IsAborted(answer.status()) && aborted++ < kAbortedRetries;
    const bool again = IsUnsure(answer.status()) && unsure++ < kUnsureRetries;
    // It has too much to do, has not begun, and says when to come again.
    const absl::Duration busy = RetryAfter(answer.status());
    const bool later = busy > absl::ZeroDuration() && clock_.Elapsed() + busy < deadline;
    if (!away && !lost && !again && !later) return answer;
    // Never before it says, and not all at once.
    const absl::Duration wait =
        later ? busy + random_.Jitter(busy / 4, 1) : random_.Jitter(pause, 0.3);
    if (clock_.WaitFor(wakeup, wait)) return answer;
    pause = std::min(pause * 2, kLongestPause);
  }
}

template <typename Answer>
absl::StatusOr<Answer> Engine::Write(
    absl::FunctionRef<absl::StatusOr<Answer>(const CallContext&)> call) {
  CallContext context = Context();
  context.operation_id = random_.Uid();
  if (!context.cancelled()) {
    absl::StatusOr<Answer> answer =
        Patiently<Answer>(Repeat::kNamedWrite, [&] { return call(context); });
    if (!absl::IsCancelled(answer.status()) || !context.cancelled()) return answer;
  }
  context.cancellation = nullptr;
  context.timeout = std::min(context.timeout, kLastWord);
  return call(context);
}

absl::StatusOr<Resource> Engine::Get(const Ref& ref) {
  return Patiently<Resource>(Repeat::kRead, [&] { return resources_.Get(Context(), ref); });
}

absl::Status Engine::List(Query query, absl::FunctionRef<bool(const Resource&)> visit) {
  do {
    if (stop_.stopped()) return Interrupted();
    const absl::StatusOr<ListPage> page =
        Patiently<ListPage>(Repeat::kRead, [&] { return resources_.List(Context(), query); });
    if (!page.ok()) return page.status();
    for (const Resource& resource : page->items()) {
      if (!visit(resource)) return absl::OkStatus();
    }
    query.set_page(page->next_page());
  } while (!query.page().empty());
  return absl::OkStatus();
}

absl::StatusOr<ApplyResult> Engine::Apply(const ApplyRequest& request) {
  if (request.dry_run()) {
    return Patiently<ApplyResult>(Repeat::kRead,
                                  [&] { return resources_.Apply(Context(), request); });
  }
  return Write<ApplyResult>(
      [&](const CallContext& context) { return resources_.Apply(context, request); });
}

ApplyRequest Engine::RequestFor(std::vector<Declared> declared) const {
  ApplyRequest request;
  *request.mutable_owner() = owner();
  for (Declared& one : declared) *request.add_objects() = std::move(one);
  return request;
}

void Engine::AsPreview(ApplyRequest& request) const {
  request.set_dry_run(true);
  request.set_preview_of(preview_);
  // They would be as many as were sent, and only what is said of them is asked for.
  request.set_without_objects(true);
}

absl::StatusOr<ApplyResult> Engine::Apply(Declared declared, bool dry_run, bool transfer) {
  ApplyRequest request = RequestFor({std::move(declared)});
  request.set_transfer(transfer);
  if (dry_run) {
    AsPreview(request);
    return Apply(request);
  }
  // What the same run deletes makes room, and core asks for both at the same time.
  const absl::Duration deadline = clock_.Elapsed() + kPatience;
  Wakeup wakeup;
  const StopSignal::Listener listener(stop_, wakeup);
  for (absl::Duration pause = kFirstPauseForRoom;; pause *= 2) {
    absl::StatusOr<ApplyResult> result = Apply(request);
    const bool may_fit = result.ok() && IsOverQuota(*result);
    if (!may_fit || clock_.Elapsed() + pause >= deadline) return result;
    if (clock_.WaitFor(wakeup, random_.Jitter(pause, 0.3))) return result;
  }
}

absl::StatusOr<ApplyResult> Engine::ApplyAll(std::vector<Declared> declared) {
  return Apply(RequestFor(std::move(declared)));
}

absl::StatusOr<ApplyResult> Engine::PreviewAll(std::vector<Declared> declared,
                                               absl::Span<const Ref> release) {
  ApplyRequest request = RequestFor(std::move(declared));
  AsPreview(request);
  for (const Ref& ref : release) *request.add_release() = ToProto(ref);
  return resources_.Apply(Context(), request);
}

absl::StatusOr<Objects> Engine::GetAll(absl::Span<const Ref> refs) {
  Objects objects;
  if (refs.empty()) return objects;
  Query query = QueryFor(refs.front());
  query.clear_names();
  for (const Ref& ref : refs) query.add_names(ref.name);
  absl::StatusOr<ListPage> page = resources_.List(Context(), query);
  if (!page.ok()) return page.status();
  if (!page->next_page().empty()) return absl::ResourceExhaustedError("more than one page");
  for (Resource& item : *page->mutable_items()) objects[RefOf(item)] = std::move(item);
  return objects;
}

absl::StatusOr<ApplyResult> Engine::Release(const Ref& ref) {
  ApplyRequest request;
  *request.mutable_owner() = owner();
  *request.add_release() = ToProto(ref);
  return Apply(request);
}

absl::StatusOr<ApplyResult> Engine::Delete(const Ref& ref, const std::string& uid, bool dry_run) {
  DeleteRequest request;
  *request.mutable_ref() = ToProto(ref);
  request.set_uid(uid);
  *request.mutable_owner() = owner();
  request.set_dry_run(dry_run);
  if (dry_run) {
    return Patiently<ApplyResult>(Repeat::kRead,
                                  [&] { return resources_.Delete(Context(), request); });
  }
  return Write<ApplyResult>(
      [&](const CallContext& context) { return resources_.Delete(context, request); });
}

std::optional<v1::PullProgress> Engine::PullOf(const std::string& host, const std::string& digest) {
  if (host.empty() || digest.empty()) return std::nullopt;
  const absl::StatusOr<v1::GetProgressResponse> progress = remote_.GetProgress(Context(), host);
  if (!progress.ok()) return std::nullopt;
  const v1::PullProgress* pull = FindPull(*progress, host, digest);
  return pull == nullptr ? std::nullopt : std::optional(*pull);
}

absl::StatusOr<ApplyResult> Engine::ChangeHold(v1::HoldChange change) {
  ApplyRequest request;
  *request.mutable_owner() = owner();
  *request.add_holds() = std::move(change);
  return Apply(request);
}

absl::StatusOr<v1::CreateTokenResponse> Engine::CreateToken(const v1::CreateTokenRequest& request) {
  return Patiently<v1::CreateTokenResponse>(
      Repeat::kWrite, [&] { return remote_.CreateToken(Context(), request); });
}

absl::Status Engine::RevokeToken(const std::string& id) {
  struct Nothing {};
  return Write<Nothing>([&](const CallContext& context) -> absl::StatusOr<Nothing> {
           absl::Status revoked = remote_.RevokeToken(context, id);
           if (!revoked.ok()) return revoked;
           return Nothing();
         })
      .status();
}

WaitResult Engine::Wait(const Ref& ref, absl::Duration timeout, Judge judge) {
  std::optional<Resource> last;
  WaitResult result = Follow(QueryFor(ref), 1, timeout, [&](const Objects& objects) {
    last.reset();
    if (!objects.empty()) last = objects.begin()->second;
    return judge(last ? &*last : nullptr);
  });
  result.last = std::move(last);
  return result;
}

WaitResult Engine::WaitForAll(const Query& query, absl::Duration timeout, JudgeAll judge) {
  return Follow(query, 0, timeout, judge);
}

WaitResult Engine::Follow(const Query& query, std::size_t complete, absl::Duration timeout,
                          JudgeAll judge) {
  WaitResult result;
  const absl::Duration deadline = clock_.Elapsed() + timeout;
  Wakeup wakeup;
  const StopSignal::Listener listener(stop_, wakeup);
  std::unique_ptr<Watch> watch;
  Seen seen;
  while (true) {
    if (stop_.stopped()) {
      result.end = WaitResult::End::kStopped;
      return result;
    }
    if (clock_.Elapsed() >= deadline) {
      result.end = WaitResult::End::kTimedOut;
      return result;
    }
    absl::Status trouble;
    if (watch == nullptr) {
      // From nothing: whatever was missed meanwhile, the object as it is now comes first.
      seen = Seen();
      trouble = Start(query, deadline - clock_.Elapsed(), wakeup, watch);
    }
    if (watch != nullptr) {
      trouble = Drain(*watch, seen);
      if (!trouble.ok()) watch.reset();
    }
    // Before the first state is complete, absence means nothing.
    const bool all_known = seen.synced || (complete > 0 && seen.objects.size() == complete);
    if (trouble.ok() && all_known) {
      Verdict verdict = judge(seen.objects);
      result.why = std::move(verdict.why);
      if (verdict.progress != Verdict::Progress::kWaiting) {
        const bool failed = verdict.progress == Verdict::Progress::kFailed;
        result.end = failed ? WaitResult::End::kFailed : WaitResult::End::kDone;
        return result;
      }
    }
    absl::Duration wake_at = deadline;
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

absl::Status Engine::Start(const Query& query, absl::Duration timeout, Wakeup& wakeup,
                           std::unique_ptr<Watch>& watch) {
  CallContext context;
  context.timeout = timeout;
  absl::StatusOr<std::unique_ptr<Watch>> started = resources_.StartWatch(context, query, "");
  if (!started.ok()) return started.status();
  watch = *std::move(started);
  watch->NotifyOn(wakeup);
  return absl::OkStatus();
}

absl::Status Engine::Drain(Watch& watch, Seen& seen) {
  // The wake-up is raised once for however many batches: what is left here would not raise it
  // again.
  while (true) {
    const absl::StatusOr<WatchBatch> batch = watch.Next(clock_.Elapsed());
    if (!batch.ok()) return batch.status();
    for (const Event& event : batch->events()) {
      const Ref ref = RefOf(event.resource());
      if (event.type() == Event::PUT) seen.objects[ref] = event.resource();
      if (event.type() == Event::GONE) seen.objects.erase(ref);
    }
    const bool news = batch->events_size() > 0 || batch->synced() != seen.synced ||
                      batch->resume() != seen.resume;
    seen.synced = batch->synced();
    seen.resume = batch->resume();
    if (!news) return absl::OkStatus();
  }
}

}  // namespace espalier::provider
