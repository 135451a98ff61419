// LeaseKeeper: beats for the host on a thread of its own, so that nothing slow in the agent costs a
// lease, and passes each answer on to the runs. A lease counts from when the beat was sent, by this
// machine's clock: what the engine was told late is not believed longer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/api/sessions.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "macagent/driver/driver.h"
#include "macagent/image/store.h"

namespace espalier::agent {

class LeaseKeeper {
 public:
  // All borrowed. `host` is the name that it beats for.
  LeaseKeeper(Clock& clock, Threads& threads, Log& log, Lease& lease, Driver& driver,
              ImageStore& images, std::string host);
  // REQUIRES: Stop() was called if Start() was.
  ~LeaseKeeper();

  void Start();
  // Beats no more; runs go on until their lease ends. Joins.
  void Stop();

  // One beat, and the renewal of all runs with what it brought. Elapsed() of the next. The body of
  // the thread; tests call it themselves.
  absl::Duration BeatOnce();

  // Clock::Elapsed() until which runs may go on; infinitely long ago before the first answer.
  // Thread-safe.
  absl::Duration lease_until() const;

  // Raised when a lease begins: after the first answer, and the first after one had ended. Before
  // Start.
  void NotifyOn(Wakeup& wakeup) { on_lease_ = &wakeup; }

 private:
  void Run();
  void RenewRuns(absl::Duration until);

  Clock& clock_;
  Threads& threads_;
  Log& log_;
  Lease& lease_;
  Driver& driver_;
  ImageStore& images_;
  const std::string host_;
  Wakeup* on_lease_ = nullptr;
  Cancellation cancellation_;
  std::atomic<bool> stopping_ = false;
  Wakeup wakeup_;
  std::unique_ptr<Thread> thread_;

  // The beating thread's.
  std::int64_t number_ = 0;
  absl::Duration interval_;
  bool failing_ = false;

  mutable Mutex mu_;
  absl::Duration lease_until_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
};

}  // namespace espalier::agent
