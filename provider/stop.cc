#include "provider/stop.h"

namespace espalier::provider {

void StopSignal::Stop() {
  // The lock is held while they are raised: a listener that goes away waits for it.
  MutexLock lock(mu_);
  runs_.back().Cancel();
  for (Wakeup* wakeup : wakeups_) wakeup->Notify();
}

void StopSignal::Reset() {
  MutexLock lock(mu_);
  if (runs_.back().cancelled()) runs_.emplace_back();
}

bool StopSignal::stopped() const {
  MutexLock lock(mu_);
  return runs_.back().cancelled();
}

const Cancellation* StopSignal::cancellation() const {
  MutexLock lock(mu_);
  return &runs_.back();
}

StopSignal::Listener::Listener(StopSignal& signal, Wakeup& wakeup)
    : signal_(signal), wakeup_(wakeup) {
  MutexLock lock(signal_.mu_);
  signal_.wakeups_.insert(&wakeup_);
  if (signal_.runs_.back().cancelled()) wakeup_.Notify();
}

StopSignal::Listener::~Listener() {
  MutexLock lock(signal_.mu_);
  signal_.wakeups_.erase(signal_.wakeups_.find(&wakeup_));
}

}  // namespace espalier::provider
