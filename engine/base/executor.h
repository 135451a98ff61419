// Threads, and the serial executor on top of them: the only place where threads are made. The
// simulation brings its own Threads, whose threads run one at a time on virtual time.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

#include <deque>

namespace espalier {

// A running thread. Its destructor checks that Join was called.
class Thread {
 public:
  virtual ~Thread() = default;
  // Waits for the thread's function to return. Once.
  virtual void Join() = 0;
};

class Threads {
 public:
  virtual ~Threads() = default;
  // Runs `body` on a new thread; `name` (at most 15 bytes are shown) is for people. Thread-safe.
  virtual std::unique_ptr<Thread> Start(absl::string_view name,
                                        absl::AnyInvocable<void()> body) = 0;
};

std::unique_ptr<Threads> MakeRealThreads();

// Runs posted functions one after the other, in order, on a thread of its own. Objects that belong
// to an executor are touched only from its functions and need no lock.
class SerialExecutor {
 public:
  SerialExecutor(Clock& clock, Threads& threads, absl::string_view name);
  // REQUIRES: Stop() was called.
  ~SerialExecutor();

  // Runs `work` later. ResourceExhausted when limits::kExecutorQueue functions wait already,
  // Cancelled after Stop. Thread-safe.
  absl::Status Post(absl::AnyInvocable<void()> work);

  // Whether the caller runs on this executor.
  bool IsCurrent() const;

  // Refuses new work, runs what was posted, and joins. Thread-safe; never from inside.
  void Stop();

 private:
  void Run();

  Clock& clock_;
  Wakeup wakeup_;
  mutable Mutex mu_;
  std::deque<absl::AnyInvocable<void()>> queue_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<Thread> thread_;
};

}  // namespace espalier
