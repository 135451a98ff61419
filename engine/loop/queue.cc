#include "engine/loop/queue.h"

#include <algorithm>

#include "engine/base/check.h"

namespace espalier {
namespace {

constexpr absl::Duration kFirstBackOff = absl::Milliseconds(50);
constexpr absl::Duration kLongestBackOff = absl::Seconds(60);

}  // namespace

void NameQueue::AddLocked(const Ref& name) {
  if (!dirty_.insert(name).second) return;
  if (!processing_.contains(name)) ready_.push_back(name);
}

void NameQueue::Add(const Ref& name) {
  MutexLock lock(mu_);
  AddLocked(name);
}

void NameQueue::AddAt(const Ref& name, absl::Duration due) {
  MutexLock lock(mu_);
  const auto [at, added] = due_.try_emplace(name, due);
  if (!added) {
    if (at->second <= due) return;
    timers_.erase({at->second, name});
    at->second = due;
  }
  timers_.insert({due, name});
}

std::optional<Ref> NameQueue::Pop(absl::Duration now) {
  MutexLock lock(mu_);
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Ref name = timers_.begin()->second;
    timers_.erase(timers_.begin());
    due_.erase(name);
    AddLocked(name);
  }
  if (ready_.empty()) return std::nullopt;
  Ref name = std::move(ready_.front());
  ready_.pop_front();
  dirty_.erase(name);
  processing_.insert(name);
  if (const auto at = due_.find(name); at != due_.end()) {
    timers_.erase({at->second, name});
    due_.erase(at);
  }
  return name;
}

void NameQueue::Done(const Ref& name) {
  MutexLock lock(mu_);
  ESPALIER_CHECK(processing_.erase(name) == 1);
  if (dirty_.contains(name)) ready_.push_back(name);
}

absl::Duration NameQueue::NextBackOff(const Ref& name) {
  int failures = 0;
  {
    MutexLock lock(mu_);
    failures = failures_[name]++;
  }
  const absl::Duration most =
      std::min(kLongestBackOff, kFirstBackOff * static_cast<double>(1 << std::min(failures, 20)));
  return random_.Jitter(most / 2, 1.0);
}

void NameQueue::ResetBackOff(const Ref& name) {
  MutexLock lock(mu_);
  failures_.erase(name);
}

absl::Duration NameQueue::next_due() const {
  MutexLock lock(mu_);
  if (!ready_.empty()) return absl::ZeroDuration();
  return timers_.empty() ? absl::InfiniteDuration() : timers_.begin()->first;
}

std::size_t NameQueue::size() const {
  MutexLock lock(mu_);
  return ready_.size() + processing_.size();
}

}  // namespace espalier
