// WorkerPool: a bounded number of threads for calls that block. gRPC and the HTTP server hand over
// to it, so that their own threads never wait. Threads are started when they are first needed.
// Thread-safe.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"

namespace espalier {

class WorkerPool {
 public:
  // At most `max_threads` at work and `max_queued` waiting.
  WorkerPool(Clock& clock, Threads& threads, absl::string_view name, std::size_t max_threads,
             std::size_t max_queued);
  // REQUIRES: Stop() was called.
  ~WorkerPool();

  // Runs `work` on one of the threads. RESOURCE_EXHAUSTED when too many wait, CANCELLED after Stop.
  absl::Status Post(absl::AnyInvocable<void()> work);

  // Refuses new work, runs what was posted, and joins. Once.
  void Stop();

 private:
  struct Worker {
    Wakeup wakeup;
    std::unique_ptr<Thread> thread;
  };

  void Run(Worker& worker);

  Clock& clock_;
  Threads& threads_;
  const std::string name_;
  const std::size_t max_threads_;
  const std::size_t max_queued_;

  Mutex mu_;
  std::deque<absl::AnyInvocable<void()>> queue_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Worker>> workers_ ABSL_GUARDED_BY(mu_);
  // Workers that wait for their wakeup; the last to come is the first to go, its caches are warm.
  std::vector<Worker*> idle_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace espalier
