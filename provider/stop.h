// StopSignal: core's word that the user wants an end. Waits look at it and are woken by it; writes
// are not broken off, because half a write is worse than a late end. Thread-safe.
#pragma once

#include <set>

#include "absl/base/thread_annotations.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace espalier::provider {

class StopSignal {
 public:
  // Raises the signal and every wake-up that listens.
  void Stop();
  // Lowers it: the process goes on to serve another run (reattach mode).
  void Reset();
  bool stopped() const;

  // While it lives, Stop() raises `wakeup`; at once if it was called before.
  class Listener {
   public:
    Listener(StopSignal& signal, Wakeup& wakeup);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    StopSignal& signal_;
    Wakeup& wakeup_;
  };

 private:
  mutable Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::multiset<Wakeup*> wakeups_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::provider
