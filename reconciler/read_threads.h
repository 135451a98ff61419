// ReadThreads: a thread for each source that fetches and loads, so that a repository that never
// answers keeps nobody waiting but itself.
#pragma once

#include <cstdint>
#include <deque>
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
#include "reconciler/reads.h"

namespace espalier {

// Called on a reading thread: a result waits to be taken.
struct ReadEvents {
  std::function<void(const std::string& source)> read;
  std::function<void(const std::string& source, std::int64_t number)> proposal;
  std::function<void(const std::string& source)> history;
  std::function<void(const std::string& source)> patch;
};

class ReadThreads final : public Reads {
 public:
  // Makes the SourceReader of a source; called on the loop's thread.
  using Make = std::function<std::unique_ptr<SourceReader>(const std::string& source)>;

  // Borrowed: clock and threads.
  ReadThreads(Clock& clock, Threads& threads, Make make, ReadEvents events);
  // REQUIRES: Stop() was called.
  ~ReadThreads() override;

  absl::Status Start(const std::string& source, ReadRequest request) override;
  std::optional<ReadResult> Take(const std::string& source) override;
  void Forget(const std::string& source) override;

  absl::Status StartProposal(const std::string& source, ProposalRequest request) override;
  std::optional<ProposalResult> TakeProposal(const std::string& source,
                                             std::int64_t number) override;
  void DropProposal(const std::string& source, std::int64_t number) override;

  absl::Status StartHistory(const std::string& source, HistoryRequest request) override;
  std::optional<HistoryResult> TakeHistory(const std::string& source) override;

  absl::Status StartPatch(const std::string& source, PatchRequest request) override;
  std::optional<PatchResult> TakePatch(const std::string& source) override;

  // Waits for the reads under way; nothing is told after it returns. When the loops' threads have
  // ended.
  void Stop();

 private:
  struct Worker {
    std::string source;
    // Used on the executor.
    std::unique_ptr<SourceReader> reader;
    std::unique_ptr<SerialExecutor> executor;

    Mutex mu;
    bool forgotten ABSL_GUARDED_BY(mu) = false;
    // Something is being read.
    bool running ABSL_GUARDED_BY(mu) = false;
    // The tracked ref: asked for or being read.
    bool busy ABSL_GUARDED_BY(mu) = false;
    std::optional<ReadRequest> wanted ABSL_GUARDED_BY(mu);
    std::optional<ReadResult> result ABSL_GUARDED_BY(mu);
    // Waiting, oldest first.
    std::deque<ProposalRequest> proposals ABSL_GUARDED_BY(mu);
    // The one being read; 0: none, or it was dropped meanwhile.
    std::int64_t reading ABSL_GUARDED_BY(mu) = 0;
    std::map<std::int64_t, ProposalResult> proposed ABSL_GUARDED_BY(mu);
    std::optional<HistoryRequest> question ABSL_GUARDED_BY(mu);
    std::optional<HistoryResult> answer ABSL_GUARDED_BY(mu);
    std::optional<PatchRequest> patch ABSL_GUARDED_BY(mu);
    std::optional<PatchResult> patched ABSL_GUARDED_BY(mu);
  };

  std::shared_ptr<Worker> Find(const std::string& source) const;
  // Has the worker's executor do the most urgent thing that waits, if anything does.
  absl::Status PostStep(const std::shared_ptr<Worker>& worker);
  void Step(Worker& worker);
  void Read(Worker& worker, const ReadRequest& request);
  void ReadProposal(Worker& worker, const ProposalRequest& request);
  void ReadHistory(Worker& worker, const HistoryRequest& request);
  void ReadPatch(Worker& worker, const PatchRequest& request);
  // Ends the threads of sources that are gone and have nothing under way any more.
  void Reap();

  Clock& clock_;
  Threads& threads_;
  const Make make_;
  const ReadEvents events_;

  mutable Mutex mu_;
  // Shared with the callers that look something up while the source is being forgotten.
  std::map<std::string, std::shared_ptr<Worker>> workers_ ABSL_GUARDED_BY(mu_);
  // The loop's thread.
  std::vector<std::shared_ptr<Worker>> leaving_;
};

}  // namespace espalier
