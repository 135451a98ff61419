#include "engine/server/watch_hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// What a change means for a query: nothing, the object's new state, or that it is gone from sight.
enum class Meaning { kNothing, kPut, kGone };

Meaning MeaningFor(const Query& query, const Change& change) {
  if (change.after != nullptr && Matches(query, *change.after)) return Meaning::kPut;
  if (change.before != nullptr && Matches(query, *change.before)) return Meaning::kGone;
  return Meaning::kNothing;
}

void AddEvent(Meaning meaning, const Change& change, SharedBatch& batch) {
  batch.events.push_back({.type = meaning == Meaning::kPut ? Event::PUT : Event::GONE,
                          .resource = change.after != nullptr ? change.after : change.before,
                          .revision = change.revision});
}

// The same for those who need the objects in a message.
WatchBatch CopyOf(const SharedBatch& shared) {
  WatchBatch batch;
  for (const SharedBatch::Event& kept : shared.events) {
    Event& event = *batch.add_events();
    event.set_type(kept.type);
    *event.mutable_resource() = *kept.resource;
    event.set_revision(kept.revision);
  }
  batch.set_resume(shared.resume);
  batch.set_revision(shared.revision);
  batch.set_synced(shared.synced);
  return batch;
}

}  // namespace

// A watch: first what is left of the initial state, then the queue that the hub fills.
class WatchHub::HubWatch final : public Watch {
 public:
  HubWatch(WatchHub& hub, Query query, const Cancellation* cancellation)
      : hub_(hub), query_(std::move(query)), cancellation_(cancellation) {}
  ~HubWatch() override { hub_.Forget(*this); }

  absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
    ESPALIER_ASSIGN_OR_RETURN(const SharedBatch batch, NextShared(deadline));
    return CopyOf(batch);
  }

  absl::StatusOr<SharedBatch> NextShared(absl::Duration deadline) override {
    while (true) {
      if (cancellation_ != nullptr && cancellation_->cancelled()) {
        return absl::CancelledError("watch was cancelled");
      }
      {
        MutexLock lock(mu_);
        if (too_slow_) return absl::OutOfRangeError("watcher was too slow; list again");
        if (HasNews()) return TakeBatch();
      }
      if (!hub_.clock_.WaitUntil(own_wakeup_, deadline)) {
        MutexLock lock(mu_);
        if (too_slow_) return absl::OutOfRangeError("watcher was too slow; list again");
        return TakeBatch();
      }
    }
  }

  void NotifyOn(Wakeup& wakeup) override {
    bool now = false;
    {
      MutexLock lock(mu_);
      other_wakeup_ = &wakeup;
      now = HasNews() || too_slow_;
    }
    if (now) wakeup.Notify();
  }

  // Begins with all objects of `state`.
  void BeginWith(const ObjectMap& state) {
    MutexLock lock(mu_);
    initial_ = state;
    initial_left_ = true;
  }

  const std::string& host() const { return query_.host(); }

  // Takes what of it concerns this watch.
  void Offer(const std::vector<const Change*>& changes) {
    bool notify = false;
    {
      MutexLock lock(mu_);
      for (const Change* change : changes) {
        if (MeaningFor(query_, *change) == Meaning::kNothing) continue;
        if (queue_.size() >= limits::kWatcherQueue) {
          too_slow_ = true;
          queue_.clear();
        }
        if (!too_slow_) queue_.push_back(*change);
        notify = true;
      }
    }
    if (notify) Raise();
  }

 private:
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return initial_left_ || !queue_.empty();
  }

  void Raise() {
    own_wakeup_.Notify();
    Wakeup* other = nullptr;
    {
      MutexLock lock(mu_);
      other = other_wakeup_;
    }
    if (other != nullptr) other->Notify();
  }

  SharedBatch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    SharedBatch batch;
    if (initial_left_) {
      TakeInitial(batch);
      return batch;
    }
    // Read before the queue: what it counts is in there or was taken from there.
    const std::int64_t offered = hub_.offered_.load(std::memory_order_acquire);
    // The events of one revision stay together.
    std::int64_t revision = 0;
    while (!queue_.empty()) {
      const Change& change = queue_.front();
      if (batch.events.size() >= limits::kWatchBatch && change.revision != revision) break;
      revision = change.revision;
      AddEvent(MeaningFor(query_, change), change, batch);
      queue_.pop_front();
    }
    const std::int64_t upto = queue_.empty() ? std::max(offered, revision) : revision;
    batch.synced = true;
    batch.revision = upto;
    batch.resume = hub_.TokenFor(upto);
    if (!queue_.empty() && other_wakeup_ != nullptr) other_wakeup_->Notify();
    return batch;
  }

  void TakeInitial(SharedBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    bool more = false;
    std::string next;
    initial_.ForEachFrom(initial_next_, [&](const std::string& key, const ObjectPtr& object) {
      if (batch.events.size() >= limits::kWatchBatch) {
        next = key;
        more = true;
        return false;
      }
      if (Matches(query_, *object)) {
        AddEvent(
            Meaning::kPut,
            Change{.revision = object->metadata().revision(), .before = nullptr, .after = object},
            batch);
      }
      return true;
    });
    initial_left_ = more;
    initial_next_ = std::move(next);
    if (!more) {
      // Only a complete state may be resumed from.
      batch.synced = true;
      batch.revision = initial_.revision();
      batch.resume = hub_.TokenFor(initial_.revision());
      initial_ = ObjectMap();
    }
    if (HasNews() && other_wakeup_ != nullptr) other_wakeup_->Notify();
  }

  WatchHub& hub_;
  const Query query_;
  const Cancellation* const cancellation_;
  Wakeup own_wakeup_;

  Mutex mu_;
  Wakeup* other_wakeup_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::deque<Change> queue_ ABSL_GUARDED_BY(mu_);
  bool too_slow_ ABSL_GUARDED_BY(mu_) = false;
  ObjectMap initial_ ABSL_GUARDED_BY(mu_);
  bool initial_left_ ABSL_GUARDED_BY(mu_) = false;
  std::string initial_next_ ABSL_GUARDED_BY(mu_);
};

WatchHub::WatchHub(Clock& clock, std::string epoch) : clock_(clock), epoch_(std::move(epoch)) {}

WatchHub::~WatchHub() {
  MutexLock lock(mu_);
  ESPALIER_CHECK(size_ == 0);
}

void WatchHub::Start(const ObjectMap& objects) {
  MutexLock lock(mu_);
  objects_ = objects;
  forgotten_ = objects.revision();
  offered_.store(objects.revision(), std::memory_order_release);
}

void WatchHub::Offer(const Change& change, Offers& offers) {
  // Those that ask for every host, and those of the hosts that the object concerns or concerned.
  std::vector<absl::string_view> hosts = {""};
  for (const ObjectPtr& object : {change.before, change.after}) {
    if (object == nullptr) continue;
    for (const absl::string_view host : HostsOf(*object)) hosts.push_back(host);
  }
  for (const absl::string_view host : hosts) {
    const auto group = watches_.find(host);
    if (group == watches_.end()) continue;
    for (HubWatch* watch : group->second) {
      std::vector<const Change*>& offer = offers[watch];
      // Before and after may name the same host.
      if (offer.empty() || offer.back() != &change) offer.push_back(&change);
    }
  }
}

void WatchHub::Publish(const ObjectMap& objects, std::vector<Change> changes) {
  MutexLock lock(mu_);
  objects_ = objects;
  Offers offers;
  for (const Change& change : changes) Offer(change, offers);
  for (const auto& [watch, offer] : offers) watch->Offer(offer);
  offered_.store(objects.revision(), std::memory_order_release);
  for (Change& change : changes) history_.push_back(std::move(change));
  while (history_.size() > limits::kWatchHistory) {
    forgotten_ = history_.front().revision;
    history_.pop_front();
  }
}

ObjectMap WatchHub::Snapshot() const {
  MutexLock lock(mu_);
  return objects_;
}

std::string WatchHub::TokenFor(std::int64_t revision) const {
  return absl::StrCat(epoch_, ".", revision);
}

absl::StatusOr<std::unique_ptr<Watch>> WatchHub::StartWatch(const Query& query,
                                                            const std::string& resume,
                                                            const Cancellation* cancellation) {
  auto watch = std::make_unique<HubWatch>(*this, query, cancellation);
  if (resume.empty()) {
    MutexLock lock(mu_);
    watch->BeginWith(objects_);
    Add(*watch);
    return watch;
  }
  const std::vector<std::string> parts = absl::StrSplit(resume, absl::MaxSplits('.', 1));
  std::int64_t after = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &after)) {
    return absl::InvalidArgumentError("resume token is not one of this engine's");
  }
  MutexLock lock(mu_);
  if (parts[0] != epoch_ || after < forgotten_ || after > objects_.revision()) {
    return absl::OutOfRangeError("revision is compacted or of another epoch; list again");
  }
  const auto first = std::upper_bound(
      history_.begin(), history_.end(), after,
      [](std::int64_t revision, const Change& change) { return revision < change.revision; });
  std::vector<const Change*> missed;
  for (auto change = first; change != history_.end(); ++change) missed.push_back(&*change);
  watch->Offer(missed);
  Add(*watch);
  return watch;
}

std::size_t WatchHub::watches() const {
  MutexLock lock(mu_);
  return size_;
}

void WatchHub::Add(HubWatch& watch) {
  watches_[watch.host()].insert(&watch);
  ++size_;
}

void WatchHub::Forget(HubWatch& watch) {
  MutexLock lock(mu_);
  const auto found = watches_.find(watch.host());
  // A watch that was refused was never added.
  if (found == watches_.end() || found->second.erase(&watch) == 0) return;
  --size_;
  if (found->second.empty()) watches_.erase(found);
}

}  // namespace espalier
