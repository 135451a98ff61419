#include "engine/server/watch_hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

// What a change means for a query: nothing, the object's new state, or that it is gone from sight.
enum class Meaning { kNothing, kPut, kGone };

Meaning MeaningFor(const Query& query, const Change& change) {
  if (change.after != nullptr && Matches(query, *change.after)) return Meaning::kPut;
  if (change.before != nullptr && Matches(query, *change.before)) return Meaning::kGone;
  return Meaning::kNothing;
}

void AddEvent(Meaning meaning, const Change& change, WatchBatch& batch) {
  Event& event = *batch.add_events();
  event.set_type(meaning == Meaning::kPut ? Event::PUT : Event::GONE);
  *event.mutable_resource() = change.after != nullptr ? *change.after : *change.before;
  event.set_revision(change.revision);
}

}  // namespace

// A watch: first what is left of the initial state, then the queue that the hub fills.
class WatchHub::HubWatch final : public Watch {
 public:
  HubWatch(WatchHub& hub, Query query, const Cancellation* cancellation)
      : hub_(hub), query_(std::move(query)), cancellation_(cancellation) {}
  ~HubWatch() override { hub_.Forget(*this); }

  absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
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
    seen_ = state.revision();
  }
  // Begins after `revision`.
  void BeginAfter(std::int64_t revision) {
    MutexLock lock(mu_);
    seen_ = revision;
  }

  // `upto`: everything up to this revision has been offered with this call.
  void Offer(const std::vector<Change>& changes, std::int64_t upto) {
    bool notify = false;
    {
      MutexLock lock(mu_);
      for (const Change& change : changes) {
        if (MeaningFor(query_, change) == Meaning::kNothing) continue;
        if (queue_.size() >= limits::kWatcherQueue) {
          too_slow_ = true;
          queue_.clear();
        }
        if (!too_slow_) queue_.push_back(change);
        notify = true;
      }
      seen_ = upto;
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

  WatchBatch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    WatchBatch batch;
    if (initial_left_) {
      TakeInitial(batch);
      return batch;
    }
    // The events of one revision stay together.
    std::int64_t revision = 0;
    while (!queue_.empty()) {
      const Change& change = queue_.front();
      if (batch.events_size() >= static_cast<int>(limits::kWatchBatch) &&
          change.revision != revision) {
        break;
      }
      revision = change.revision;
      AddEvent(MeaningFor(query_, change), change, batch);
      queue_.pop_front();
    }
    const std::int64_t upto = queue_.empty() ? seen_ : revision;
    batch.set_synced(true);
    batch.set_revision(upto);
    batch.set_resume(hub_.TokenFor(upto));
    if (!queue_.empty() && other_wakeup_ != nullptr) other_wakeup_->Notify();
    return batch;
  }

  void TakeInitial(WatchBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    bool more = false;
    std::string next;
    initial_.ForEachFrom(initial_next_, [&](const std::string& key, const ObjectPtr& object) {
      if (batch.events_size() >= static_cast<int>(limits::kWatchBatch)) {
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
      batch.set_synced(true);
      batch.set_revision(initial_.revision());
      batch.set_resume(hub_.TokenFor(initial_.revision()));
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
  std::int64_t seen_ ABSL_GUARDED_BY(mu_) = 0;
  ObjectMap initial_ ABSL_GUARDED_BY(mu_);
  bool initial_left_ ABSL_GUARDED_BY(mu_) = false;
  std::string initial_next_ ABSL_GUARDED_BY(mu_);
};

WatchHub::WatchHub(Clock& clock, std::string epoch) : clock_(clock), epoch_(std::move(epoch)) {}

WatchHub::~WatchHub() {
  MutexLock lock(mu_);
  ESPALIER_CHECK(watches_.empty());
}

void WatchHub::Start(const ObjectMap& objects) {
  MutexLock lock(mu_);
  objects_ = objects;
  forgotten_ = objects.revision();
}

void WatchHub::Publish(const ObjectMap& objects, std::vector<Change> changes) {
  MutexLock lock(mu_);
  objects_ = objects;
  for (HubWatch* watch : watches_) watch->Offer(changes, objects.revision());
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
    watches_.insert(watch.get());
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
  watch->BeginAfter(after);
  const auto first = std::upper_bound(
      history_.begin(), history_.end(), after,
      [](std::int64_t revision, const Change& change) { return revision < change.revision; });
  watch->Offer(std::vector<Change>(first, history_.end()), objects_.revision());
  watches_.insert(watch.get());
  return watch;
}

std::size_t WatchHub::watches() const {
  MutexLock lock(mu_);
  return watches_.size();
}

void WatchHub::Forget(HubWatch& watch) {
  MutexLock lock(mu_);
  watches_.erase(&watch);
}

}  // namespace espalier
