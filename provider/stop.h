// StopSignal: core's word that the user wants an end. Waits look at it and are woken by it; calls
// of the engine are broken off by its cancellation. Thread-safe.
#pragma once

#include <list>
#include <set>

#include "absl/base/thread_annotations.h"
#include "engine/base/call_context.h"
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
  // What Stop() cancels, or has cancelled. It lives as long as the signal.
  const Cancellation* cancellation() const;

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
  // The last one counts. Those of earlier runs are kept, because calls under way look at them.
  std::list<Cancellation> runs_ ABSL_GUARDED_BY(mu_) = std::list<Cancellation>(1);
  std::multiset<Wakeup*> wakeups_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::provider
