// Lane: answers calls of one method together. While some are being answered, those that come wait,
// and are answered together next. Whoever called at the same time is also waited for a moment,
// since core asks about the next objects as soon as it has the answers about the last; who calls
// alone waits for nobody. Core's parallelism thus becomes few questions to the engine. Thread-safe;
// header only, because it is a template.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/base/worker_pool.h"
#include "provider/provider.h"
#include "provider/rpc_call.h"
#include "provider/started_call.h"

namespace espalier::provider {

template <typename Method>
class Lane {
 public:
  // Ends the call with others: it is answered once the answers are sent.
  using Done = absl::AnyInvocable<void(RpcAnswers&)>;

  // Borrowed; they outlive the lane. REQUIRES: the pool refuses nothing while calls come.
  Lane(Clock& clock, Provider& provider, WorkerPool& workers)
      : clock_(clock), provider_(provider), workers_(workers) {}

  // Answers the call. `done` is called once, when the response is complete: at once if the engine
  // need not be asked, otherwise on a worker. Does not block. REQUIRES: request and response live
  // until then.
  void Add(const Call<Method>& call, Done done) {
    StartedCall<Method> started = provider_.Start(call);
    if (!started.asks()) {
      Finish(done);
      return;
    }
    {
      MutexLock lock(mu_);
      waiting_.push_back({std::move(started), std::move(done)});
      expected_ = std::max(expected_, std::min(asked_ + waiting_.size(), kMost));
      if (busy_) {
        if (waiting_.size() >= expected_) company_.Notify();
        return;
      }
      busy_ = true;
    }
    RunByWorker([this] { Work(); });
  }

 private:
  // As many as a set of the engine may have at once, with room to spare.
  static constexpr std::size_t kMost = 64;
  // For how long others are waited for: core needs about as long from an answer to its next call,
  // and next to an engine that is not on the same machine it is little.
  static constexpr absl::Duration kPatience = absl::Milliseconds(2);

  struct Waiting {
    StartedCall<Method> call;
    Done done;
  };

  void Work() {
    bool more = true;
    while (more) {
      AwaitCompany();
      std::vector<Waiting> batch = Take();
      std::vector<StartedCall<Method>> calls;
      calls.reserve(batch.size());
      for (Waiting& waiting : batch) calls.push_back(std::move(waiting.call));
      std::vector<Rest> rests = provider_.Ask(std::move(calls));
      {
        MutexLock lock(mu_);
        // Who is answered may call again before all are.
        asked_ = 0;
      }
      RpcAnswers answers;
      std::vector<absl::AnyInvocable<void()>> left;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (rests[i] == nullptr) {
          batch[i].done(answers);
        } else {
          left.push_back([rest = std::move(rests[i]), done = std::move(batch[i].done)]() mutable {
            rest();
            Finish(done);
          });
        }
      }
      {
        MutexLock lock(mu_);
        more = busy_ = !waiting_.empty();
      }
      answers.Send();
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

  static void Finish(Done& done) {
    RpcAnswers answers;
    done(answers);
    answers.Send();
  }

  void RunByWorker(absl::AnyInvocable<void()> work) {
    ESPALIER_CHECK(workers_.Post(std::move(work)).ok());
  }

  // Until as many wait as called at the same time lately, or nobody else comes for too long.
  void AwaitCompany() {
    const absl::Duration until = clock_.Elapsed() + kPatience;
    do {
      MutexLock lock(mu_);
      if (waiting_.size() >= expected_) return;
    } while (clock_.WaitUntil(company_, until));
    MutexLock lock(mu_);
    expected_ = waiting_.size();
  }

  std::vector<Waiting> Take() {
    MutexLock lock(mu_);
    std::vector<Waiting> batch = std::exchange(waiting_, {});
    if (batch.size() > kMost) {
      waiting_.assign(std::make_move_iterator(batch.begin() + kMost),
                      std::make_move_iterator(batch.end()));
      batch.erase(batch.begin() + kMost, batch.end());
    }
    asked_ = batch.size();
    return batch;
  }

  Clock& clock_;
  Provider& provider_;
  WorkerPool& workers_;
  Mutex mu_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  // Whether somebody works here who will take what waits.
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  // Of how many the engine is being asked.
  std::size_t asked_ ABSL_GUARDED_BY(mu_) = 0;
  // How many called at the same time lately.
  std::size_t expected_ ABSL_GUARDED_BY(mu_) = 0;
  // Raised when that many wait.
  Wakeup company_;
};

}  // namespace espalier::provider
