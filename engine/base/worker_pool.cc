#include "engine/base/worker_pool.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier {

WorkerPool::WorkerPool(Clock& clock, Threads& threads, absl::string_view name,
                       std::size_t max_threads, std::size_t max_queued)
    : clock_(clock),
      threads_(threads),
      name_(name),
      max_threads_(max_threads),
      max_queued_(max_queued) {}

WorkerPool::~WorkerPool() {
  MutexLock lock(mu_);
  ESPALIER_CHECK(workers_.empty());
}

absl::Status WorkerPool::Post(absl::AnyInvocable<void()> work) {
  Worker* woken = nullptr;
  {
    MutexLock lock(mu_);
    if (stopping_) return absl::CancelledError(absl::StrCat(name_, " workers are stopping"));
    if (idle_.empty() && workers_.size() >= max_threads_ && queue_.size() >= max_queued_) {
      return absl::ResourceExhaustedError(absl::StrCat("too many calls wait for ", name_));
    }
    queue_.push_back(std::move(work));
    if (!idle_.empty()) {
      woken = idle_.back();
      idle_.pop_back();
    } else if (workers_.size() < max_threads_) {
      Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
      worker.thread = threads_.Start(name_, [this, &worker] { Run(worker); });
    }
  }
  if (woken != nullptr) woken->wakeup.Notify();
  return absl::OkStatus();
}

void WorkerPool::Stop() {
  std::vector<std::unique_ptr<Worker>> workers;
  {
    MutexLock lock(mu_);
    ESPALIER_CHECK(!stopping_);
    stopping_ = true;
    workers.swap(workers_);
    idle_.clear();
  }
  for (const auto& worker : workers) worker->wakeup.Notify();
  for (const auto& worker : workers) worker->thread->Join();
}

void WorkerPool::Run(Worker& worker) {
  while (true) {
    absl::AnyInvocable<void()> work;
    {
      MutexLock lock(mu_);
      if (!queue_.empty()) {
        work = std::move(queue_.front());
        queue_.pop_front();
      } else if (stopping_) {
        return;
      } else {
        idle_.push_back(&worker);
      }
    }
    if (work) {
      work();
    } else {
      clock_.WaitUntil(worker.wakeup, absl::InfiniteDuration());
    }
  }
}

}  // namespace espalier
