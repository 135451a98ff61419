#include "engine/oci/parallel.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/mutex.h"

namespace espalier::oci {
namespace {

// What the threads share.
class Queue {
 public:
  explicit Queue(std::size_t count) : count_(count) {}

  bool Next(std::size_t& index) {
    MutexLock lock(mu_);
    if (next_ == count_ || !status_.ok()) return false;
    index = next_++;
    return true;
  }
  void Report(const absl::Status& status) {
    MutexLock lock(mu_);
    status_.Update(status);
  }
  absl::Status status() {
    MutexLock lock(mu_);
    return status_;
  }

 private:
  const std::size_t count_;
  Mutex mu_;
  std::size_t next_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::Status ForEachInParallel(Threads& threads, int width, std::size_t count,
                               absl::FunctionRef<absl::Status(std::size_t)> work) {
  Queue queue(count);
  const auto run = [&queue, work] {
    std::size_t index = 0;
    while (queue.Next(index)) queue.Report(work(index));
  };
  const std::size_t helpers = std::min<std::size_t>(std::max(width, 1), count);
  std::vector<std::unique_ptr<Thread>> running;
  for (std::size_t i = 1; i < helpers; ++i) running.push_back(threads.Start("layers", run));
  run();
  for (const std::unique_ptr<Thread>& thread : running) thread->Join();
  return queue.status();
}

}  // namespace espalier::oci
