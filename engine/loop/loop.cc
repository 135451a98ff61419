#include "engine/loop/loop.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/telemetry.h"

namespace espalier {
namespace {

// A write that the view does not show for this long was of something that it does not watch, or the
// watch is broken. Deciding on the old picture is safe: the next write is refused as stale.
constexpr absl::Duration kOwnWritePatience = absl::Seconds(5);

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string NameOf(const Ref& name) { return name.kind == kNoKind ? name.name : ToString(name); }

}  // namespace

void Reconciler::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  names.push_back(RefOf(change.any()));
}

Loop::Loop(Clock& clock, Threads& threads, Random& random, Log& log, Resources& resources,
           Reconciler& reconciler, LoopOptions options)
    : clock_(clock),
      threads_(threads),
      log_(log),
      random_(random),
      reconciler_(reconciler),
      options_(std::move(options)),
      context_{.caller = options_.caller, .cancellation = &cancellation_},
      queue_(random),
      view_(clock, random, resources, context_, options_.query, wakeup_) {}

Loop::~Loop() { ESPALIER_CHECK(thread_ == nullptr); }

void Loop::Start() {
  ESPALIER_CHECK(thread_ == nullptr);
  thread_ = threads_.Start(options_.name, [this] { Run(); });
}

void Loop::Stop() {
  if (thread_ == nullptr) return;
  stopping_.store(true, std::memory_order_release);
  cancellation_.Cancel();
  wakeup_.Notify();
  thread_->Join();
  thread_.reset();
}

void Loop::Run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    const absl::Duration next = Step();
    if (!stopping_.load(std::memory_order_acquire)) clock_.WaitUntil(wakeup_, next);
  }
}

void Loop::Add(const Ref& name) {
  queue_.Add(name);
  wakeup_.Notify();
}

void Loop::AddAt(const Ref& name, absl::Duration due) {
  queue_.AddAt(name, due);
  wakeup_.Notify();
}

absl::Duration Loop::Step() {
  wakeup_.Consume();
  TakeIn();
  while (view_.synced() && !stopping_.load(std::memory_order_acquire)) {
    // Between two names what has happened meanwhile is taken in, so that each is decided on the
    // newest picture.
    if (wakeup_.Consume()) TakeIn();
    if (clock_.Elapsed() >= next_resync_) Resync();
    const std::optional<Ref> name = queue_.Pop(clock_.Elapsed());
    if (!name.has_value()) break;
    ReconcileOne(*name);
    queue_.Done(*name);
  }
  if (!view_.synced()) return view_.retry_at();
  return std::min({queue_.next_due(), view_.retry_at(), next_resync_});
}

void Loop::TakeIn() {
  std::vector<ObjectChange> changes;
  const bool was_synced = view_.synced();
  const absl::Status status = view_.Pull(changes);
  if (!status.ok() && !view_failing_ && !cancellation_.cancelled()) {
    log_.Warn("watch broken, trying again",
              {{telemetry::kLoop, options_.name}, {telemetry::kError, status.ToString()}});
  }
  if (status.ok() && view_failing_ && view_.heard()) {
    log_.Info("watching again", {{telemetry::kLoop, options_.name}});
  }
  // Over a network a watch is started before anybody has answered: that ends no outage.
  view_failing_ = !status.ok() || (view_failing_ && !view_.heard());
  if (!was_synced && view_.synced()) next_resync_ = clock_.Elapsed() + options_.resync;

  const std::shared_ptr<const Snapshot> now = view_.snapshot();
  std::vector<Ref> names;
  for (const ObjectChange& change : changes) {
    names.clear();
    reconciler_.NamesOf(change, *now, names);
    for (const Ref& name : names) queue_.Add(name);
  }
  for (const Ref& name : std::exchange(parked_, {})) queue_.Add(name);
  if (view_.synced()) reconciler_.Woken(queue_);
}

// Everything once more, as if it had just been seen: what an event failed to say is found here.
void Loop::Resync() {
  next_resync_ = clock_.Elapsed() + random_.Jitter(options_.resync, 0.1);
  const std::shared_ptr<const Snapshot> now = view_.snapshot();
  std::vector<Ref> names;
  for (const Resource& object : now->All()) {
    const ResourcePtr shared = now->Share(RefOf(object));
    names.clear();
    reconciler_.NamesOf({.before = shared, .after = shared}, *now, names);
    for (const Ref& name : names) queue_.Add(name);
  }
}

bool Loop::MustWait(const Ref& name, const Snapshot& now) {
  const auto awaited = awaited_.find(name);
  if (awaited == awaited_.end()) return false;
  if (now.revision() < awaited->second.revision &&
      clock_.Elapsed() < awaited->second.since + kOwnWritePatience) {
    parked_.push_back(name);
    queue_.AddAt(name, awaited->second.since + kOwnWritePatience);
    return true;
  }
  awaited_.erase(awaited);
  return false;
}

void Loop::ReconcileOne(const Ref& name) {
  Outcome outcome;
  std::int64_t wrote = 0;
  {
    const std::shared_ptr<const Snapshot> now = view_.snapshot();
    if (MustWait(name, *now)) return;
    Turn turn(*now, context_);
    outcome = reconciler_.Reconcile(name, turn);
    wrote = turn.wrote() > now->revision() ? turn.wrote() : 0;
  }
  if (wrote > 0) awaited_[name] = {.revision = wrote, .since = clock_.Elapsed()};
  Settle(name, outcome);
}

void Loop::Settle(const Ref& name, const Outcome& outcome) {
  std::visit(Overloaded{
                 [&](const Done&) { queue_.ResetBackOff(name); },
                 [&](const RequeueAfter& again) {
                   queue_.ResetBackOff(name);
                   queue_.AddAt(name, clock_.Elapsed() + again.delay);
                 },
                 [&](const Retry& retry) {
                   const absl::Duration delay = queue_.NextBackOff(name);
                   queue_.AddAt(name, clock_.Elapsed() + delay);
                   // Stale is how concurrent writers meet; all else is worth a line.
                   if (absl::IsAborted(retry.status) || cancellation_.cancelled()) {
                     log_.Debug("stale, again", {{telemetry::kLoop, options_.name},
                                                 {telemetry::kRef, NameOf(name)},
                                                 {telemetry::kError, retry.status.ToString()}});
                   } else {
                     log_.Warn("failed, again after back-off",
                               {{telemetry::kLoop, options_.name},
                                {telemetry::kRef, NameOf(name)},
                                {telemetry::kDuration, absl::ToInt64Milliseconds(delay)},
                                {telemetry::kError, retry.status.ToString()}});
                   }
                 },
                 [&](const Stalled& stalled) {
                   queue_.ResetBackOff(name);
                   log_.Debug("stalled until something changes",
                              {{telemetry::kLoop, options_.name},
                               {telemetry::kRef, NameOf(name)},
                               {telemetry::kError, stalled.status.ToString()}});
                 },
             },
             outcome);
}

}  // namespace espalier
