#include "engine/base/executor.h"

#include <pthread.h>

#include <thread>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

class RealThread final : public Thread {
 public:
  RealThread(std::string name, absl::AnyInvocable<void()> body)
      : thread_([name = std::move(name), body = std::move(body)]() mutable {
#ifdef __APPLE__
          pthread_setname_np(name.c_str());
#else
          pthread_setname_np(pthread_self(), name.c_str());
#endif
          body();
        }) {
  }
  ~RealThread() override { ESPALIER_CHECK(!thread_.joinable()); }
  void Join() override { thread_.join(); }

 private:
  std::thread thread_;
};

class RealThreads final : public Threads {
 public:
  std::unique_ptr<Thread> Start(absl::string_view name, absl::AnyInvocable<void()> body) override {
    return std::make_unique<RealThread>(std::string(name.substr(0, 15)), std::move(body));
  }
};

// Which executor the calling thread belongs to.
thread_local const SerialExecutor* current_executor = nullptr;

}  // namespace

std::unique_ptr<Threads> MakeRealThreads() { return std::make_unique<RealThreads>(); }

SerialExecutor::SerialExecutor(Clock& clock, Threads& threads, absl::string_view name)
    : clock_(clock), thread_(threads.Start(name, [this] { Run(); })) {}

SerialExecutor::~SerialExecutor() { ESPALIER_CHECK(thread_ == nullptr); }

absl::Status SerialExecutor::Post(absl::AnyInvocable<void()> work) {
  {
    MutexLock lock(mu_);
    if (stopping_) return absl::CancelledError("executor is stopping");
    if (queue_.size() >= limits::kExecutorQueue) {
      return absl::ResourceExhaustedError("executor's queue is full");
    }
    queue_.push_back(std::move(work));
  }
  wakeup_.Notify();
  return absl::OkStatus();
}

bool SerialExecutor::IsCurrent() const { return current_executor == this; }

void SerialExecutor::Stop() {
  ESPALIER_CHECK(!IsCurrent());
  {
    MutexLock lock(mu_);
    if (stopping_) return;
    stopping_ = true;
  }
  wakeup_.Notify();
  thread_->Join();
  thread_.reset();
}

void SerialExecutor::Run() {
  current_executor = this;
  while (true) {
    absl::AnyInvocable<void()> work;
    bool stopping = false;
    {
      MutexLock lock(mu_);
      stopping = stopping_;
      if (!queue_.empty()) {
        work = std::move(queue_.front());
        queue_.pop_front();
      }
    }
    if (work) {
      work();
    } else if (stopping) {
      return;
    } else {
      clock_.WaitUntil(wakeup_, absl::InfiniteDuration());
    }
  }
}

}  // namespace espalier
