// Lane: answers calls of one method together. While some are being answered, those that come wait,
// and are answered together next; a call that comes alone waits for nobody. Core's parallelism thus
// becomes few questions to the engine. Thread-safe; header only, because it is a template.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "engine/base/check.h"
#include "engine/base/mutex.h"
#include "engine/base/worker_pool.h"
#include "provider/provider.h"
#include "provider/started_call.h"

namespace espalier::provider {

template <typename Method>
class Lane {
 public:
  // Borrowed; they outlive the lane. REQUIRES: the pool refuses nothing while calls come.
  Lane(Provider& provider, WorkerPool& workers) : provider_(provider), workers_(workers) {}

  // Answers the call. `done` is called once, when the response is complete: at once if the engine
  // need not be asked, otherwise on a worker. Does not block. REQUIRES: request and response live
  // until then.
  void Add(const Call<Method>& call, absl::AnyInvocable<void()> done) {
    StartedCall<Method> started = provider_.Start(call);
    if (!started.asks()) {
      done();
      return;
    }
    {
      MutexLock lock(mu_);
      waiting_.push_back({std::move(started), std::move(done)});
      if (busy_) return;
      busy_ = true;
    }
    RunByWorker([this] { Work(); });
  }

 private:
  // As many as a set of the engine may have at once, with room to spare.
  static constexpr std::size_t kMost = 64;

  struct Waiting {
    StartedCall<Method> call;
    absl::AnyInvocable<void()> done;
  };

  void Work() {
    bool more = true;
    while (more) {
      std::vector<Waiting> batch = Take();
      std::vector<StartedCall<Method>> calls;
      calls.reserve(batch.size());
      for (Waiting& waiting : batch) calls.push_back(std::move(waiting.call));
      std::vector<Rest> rests = provider_.Ask(std::move(calls));
      std::vector<absl::AnyInvocable<void()>> left;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (rests[i] == nullptr) {
          batch[i].done();
        } else {
          left.push_back([rest = std::move(rests[i]), done = std::move(batch[i].done)]() mutable {
            rest();
            done();
          });
        }
      }
      {
        MutexLock lock(mu_);
        more = busy_ = !waiting_.empty();
      }
      // What is left of the last call need not change threads: the lane is free already.
      absl::AnyInvocable<void()> own;
      if (!more && !left.empty()) {
        own = std::move(left.back());
        left.pop_back();
      }
      for (auto& work : left) RunByWorker(std::move(work));
      if (own != nullptr) own();
    }
  }

  void RunByWorker(absl::AnyInvocable<void()> work) {
    ESPALIER_CHECK(workers_.Post(std::move(work)).ok());
  }

  std::vector<Waiting> Take() {
    MutexLock lock(mu_);
    std::vector<Waiting> batch = std::exchange(waiting_, {});
    if (batch.size() > kMost) {
      waiting_.assign(std::make_move_iterator(batch.begin() + kMost),
                      std::make_move_iterator(batch.end()));
      batch.erase(batch.begin() + kMost, batch.end());
    }
    return batch;
  }

  Provider& provider_;
  WorkerPool& workers_;
  Mutex mu_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  // Whether somebody works here who will take what waits.
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace espalier::provider
