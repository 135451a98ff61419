#include "engine/loop/view.h"

#include <algorithm>
#include <utility>

#include "engine/base/status.h"

namespace espalier {
namespace {

constexpr absl::Duration kFirstBackOff = absl::Milliseconds(200);
constexpr absl::Duration kLongestBackOff = absl::Seconds(5);

bool Same(const Resource& a, const Resource& b) {
  return a.metadata().revision() == b.metadata().revision() &&
         a.metadata().uid() == b.metadata().uid();
}

}  // namespace

const Resource* Snapshot::Find(const Ref& ref) const {
  const auto found = objects_.find(ref);
  return found == objects_.end() ? nullptr : found->second.get();
}

ResourcePtr Snapshot::Share(const Ref& ref) const {
  const auto found = objects_.find(ref);
  return found == objects_.end() ? nullptr : found->second;
}

Snapshot::Range Snapshot::Of(Kind kind) const {
  return Range(objects_.lower_bound(Ref{kind, "", ""}),
               objects_.lower_bound(Ref{static_cast<Kind>(kind + 1), "", ""}));
}

ObjectView::ObjectView(Clock& clock, Random& random, Resources& resources, CallContext context,
                       Query query, Wakeup& wakeup)
    : clock_(clock),
      random_(random),
      resources_(resources),
      context_(std::move(context)),
      query_(std::move(query)),
      wakeup_(wakeup),
      current_(std::make_shared<Snapshot>()) {}

std::shared_ptr<const Snapshot> ObjectView::snapshot() const {
  MutexLock lock(mu_);
  return current_;
}

absl::Status ObjectView::BackOff(const absl::Status& status) {
  watch_.reset();
  heard_ = false;
  const absl::Duration most =
      std::min(kLongestBackOff, kFirstBackOff * static_cast<double>(1 << std::min(failures_, 10)));
  ++failures_;
  retry_at_ = clock_.Elapsed() + random_.Jitter(most * 0.75, 1.0 / 3.0);
  return status;
}

absl::Status ObjectView::Restart() {
  if (retry_at_ != absl::InfiniteDuration() && clock_.Elapsed() < retry_at_) {
    return absl::UnavailableError("waiting to watch again");
  }
  retry_at_ = absl::InfiniteDuration();
  auto watch = resources_.StartWatch(context_, query_, resume_);
  if (absl::IsOutOfRange(watch.status()) && !resume_.empty()) {
    resume_.clear();
    watch = resources_.StartWatch(context_, query_, resume_);
  }
  if (!watch.ok()) return BackOff(Annotate(watch.status(), "starting watch"));
  watch_ = *std::move(watch);
  watch_->NotifyOn(wakeup_);
  if (resume_.empty()) {
    listing_ = true;
    listed_ = Snapshot();
  }
  return absl::OkStatus();
}

absl::Status ObjectView::Pull(std::vector<ObjectChange>& changes) {
  while (true) {
    if (watch_ == nullptr) ESPALIER_RETURN_IF_ERROR(Restart());
    absl::StatusOr<SharedBatch> batch = watch_->NextShared(clock_.Elapsed());
    if (!batch.ok()) {
      // Too old is no fault of anybody: list again at once, but only once in a row.
      const bool list_now = absl::IsOutOfRange(batch.status()) && failures_ == 0;
      if (absl::IsOutOfRange(batch.status())) resume_.clear();
      const absl::Status status = BackOff(Annotate(batch.status(), "watching"));
      if (!list_now) return status;
      retry_at_ = absl::InfiniteDuration();
      continue;
    }
    const bool more = !batch->events.empty();
    heard_ = heard_ || more || batch->synced || batch->revision > 0;
    Take(*batch, changes);
    // An empty batch of a first state that is still on its way is not the end of it, but it is all
    // that is here now; the watch raises the wakeup when the rest comes.
    if (!more) return absl::OkStatus();
  }
}

void ObjectView::Take(SharedBatch& batch, std::vector<ObjectChange>& changes) {
  // Half a first state is nothing to resume from.
  if (!batch.resume.empty() && (!listing_ || batch.synced)) resume_ = batch.resume;
  if (listing_) {
    for (SharedBatch::Event& event : batch.events) {
      const Ref ref = RefOf(*event.resource);
      if (event.type == Event::GONE) {
        listed_.objects_.erase(ref);
      } else {
        listed_.objects_[ref] = std::move(event.resource);
      }
    }
    listed_.revision_ = std::max(listed_.revision_, batch.revision);
    if (batch.synced) Swap(changes);
    return;
  }
  if (heard_) failures_ = 0;
  MutexLock lock(mu_);
  if (batch.events.empty() && batch.revision <= current_->revision_) return;
  if (current_.use_count() > 1) current_ = std::make_shared<Snapshot>(*current_);
  for (SharedBatch::Event& event : batch.events) {
    const Ref ref = RefOf(*event.resource);
    const auto found = current_->objects_.find(ref);
    ResourcePtr before = found == current_->objects_.end() ? nullptr : found->second;
    if (event.type == Event::GONE) {
      if (before == nullptr) continue;
      current_->objects_.erase(found);
      changes.push_back({.before = std::move(before), .after = nullptr});
      continue;
    }
    current_->objects_[ref] = event.resource;
    changes.push_back({.before = std::move(before), .after = std::move(event.resource)});
  }
  current_->revision_ = std::max(current_->revision_, batch.revision);
}

// The list is complete: what differs between it and what was known is what changed.
void ObjectView::Swap(std::vector<ObjectChange>& changes) {
  auto next = std::make_shared<Snapshot>(std::move(listed_));
  listed_ = Snapshot();
  listing_ = false;
  synced_ = true;
  failures_ = 0;
  std::shared_ptr<Snapshot> last;
  {
    MutexLock lock(mu_);
    last = std::exchange(current_, next);
  }
  for (const auto& [ref, before] : last->objects_) {
    if (!next->objects_.contains(ref)) changes.push_back({.before = before, .after = nullptr});
  }
  for (const auto& [ref, after] : next->objects_) {
    const auto found = last->objects_.find(ref);
    if (found == last->objects_.end()) {
      changes.push_back({.before = nullptr, .after = after});
    } else if (!Same(*found->second, *after)) {
      changes.push_back({.before = found->second, .after = after});
    }
  }
}

}  // namespace espalier
