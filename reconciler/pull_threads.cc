#include "reconciler/pull_threads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {

PullThreads::PullThreads(Clock& clock, Threads& threads, Make make, OnDone on_done)
    : clock_(clock), threads_(threads), make_(std::move(make)), on_done_(std::move(on_done)) {}

PullThreads::~PullThreads() { ESPALIER_CHECK(workers_.empty() && leaving_.empty()); }

absl::Status PullThreads::Start(const std::string& source, PullRequest request) {
  Reap();
  // Two of one name would share a directory.
  for (const auto& [name, worker] : leaving_) {
    if (name == source) return absl::UnavailableError("an earlier source of this name is ending");
  }
  auto found = workers_.find(source);
  if (found == workers_.end()) {
    if (workers_.size() + leaving_.size() >= limits::kGitSources) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", limits::kGitSources, " sources at once"));
    }
    auto worker = std::make_unique<Worker>();
    worker->pull = make_(source);
    worker->executor =
        std::make_unique<SerialExecutor>(clock_, threads_, absl::StrCat("git-", source));
    found = workers_.emplace(source, std::move(worker)).first;
  }
  Worker& worker = *found->second;
  {
    MutexLock lock(worker.mu);
    ESPALIER_CHECK(!worker.busy && !worker.result.has_value());
    worker.busy = true;
  }
  return worker.executor->Post(
      [this, source, &worker, request = std::move(request)] { Run(source, worker, request); });
}

void PullThreads::Run(const std::string& source, Worker& worker, const PullRequest& request) {
  PullResult result = worker.pull->Pull(request);
  {
    MutexLock lock(worker.mu);
    worker.busy = false;
    if (worker.forgotten) return;
    worker.result = std::move(result);
  }
  on_done_(source);
}

std::optional<PullResult> PullThreads::Take(const std::string& source) {
  const auto found = workers_.find(source);
  if (found == workers_.end()) return std::nullopt;
  MutexLock lock(found->second->mu);
  return std::exchange(found->second->result, std::nullopt);
}

void PullThreads::Forget(const std::string& source) {
  auto worker = workers_.extract(source);
  if (worker.empty()) return;
  {
    MutexLock lock(worker.mapped()->mu);
    worker.mapped()->forgotten = true;
  }
  // Behind whatever is under way, on the thread that the files belong to.
  SourcePull* pull = worker.mapped()->pull.get();
  (void)worker.mapped()->executor->Post([pull] { pull->RemoveFiles(); });
  leaving_.emplace_back(source, std::move(worker.mapped()));
  Reap();
}

void PullThreads::Reap() {
  const auto gone = std::partition(leaving_.begin(), leaving_.end(), [](const auto& entry) {
    MutexLock lock(entry.second->mu);
    return entry.second->busy;
  });
  for (auto entry = gone; entry != leaving_.end(); ++entry) entry->second->executor->Stop();
  leaving_.erase(gone, leaving_.end());
}

void PullThreads::Stop() {
  for (auto& [source, worker] : workers_) worker->executor->Stop();
  for (auto& [source, worker] : leaving_) worker->executor->Stop();
  workers_.clear();
  leaving_.clear();
}

}  // namespace espalier
