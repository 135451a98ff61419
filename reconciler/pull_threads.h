// PullThreads: a thread for each source that fetches and loads, so that a repository that never
// answers keeps nobody waiting but itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "reconciler/pulls.h"

namespace espalier {

class PullThreads final : public Pulls {
 public:
  // Makes the SourcePull of a source; called on the loop's thread.
  using Make = std::function<std::unique_ptr<SourcePull>(const std::string& source)>;
  // Called on a pulling thread with the source's name: a result waits.
  using OnDone = std::function<void(const std::string& source)>;

  // Borrowed: clock and threads.
  PullThreads(Clock& clock, Threads& threads, Make make, OnDone on_done);
  // REQUIRES: Stop() was called.
  ~PullThreads() override;

  absl::Status Start(const std::string& source, PullRequest request) override;
  std::optional<PullResult> Take(const std::string& source) override;
  void Forget(const std::string& source) override;

  // Waits for the pulls under way; `on_done` is not called after it returns. When the loop's thread
  // has ended.
  void Stop();

 private:
  struct Worker {
    std::unique_ptr<SourcePull> pull;
    std::unique_ptr<SerialExecutor> executor;
    Mutex mu;
    bool busy ABSL_GUARDED_BY(mu) = false;
    bool forgotten ABSL_GUARDED_BY(mu) = false;
    std::optional<PullResult> result ABSL_GUARDED_BY(mu);
  };

  void Run(const std::string& source, Worker& worker, const PullRequest& request);
  // Ends the threads of sources that are gone and have nothing under way any more.
  void Reap();

  Clock& clock_;
  Threads& threads_;
  const Make make_;
  const OnDone on_done_;
  // The loop's thread.
  std::map<std::string, std::unique_ptr<Worker>> workers_;
  std::vector<std::pair<std::string, std::unique_ptr<Worker>>> leaving_;
};

}  // namespace espalier
