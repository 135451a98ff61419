#include "reconciler/read_threads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

absl::Status NotRead() { return absl::UnavailableError("the source was not read yet"); }

}  // namespace

ReadThreads::ReadThreads(Clock& clock, Threads& threads, Make make, ReadEvents events)
    : clock_(clock), threads_(threads), make_(std::move(make)), events_(std::move(events)) {}

ReadThreads::~ReadThreads() {
  MutexLock lock(mu_);
  ESPALIER_CHECK(workers_.empty() && leaving_.empty());
}

std::shared_ptr<ReadThreads::Worker> ReadThreads::Find(const std::string& source) const {
  MutexLock lock(mu_);
  const auto found = workers_.find(source);
  return found == workers_.end() ? nullptr : found->second;
}

// The tracked ref.

absl::Status ReadThreads::Start(const std::string& source, ReadRequest request) {
  Reap();
  // Two of one name would share a directory.
  for (const std::shared_ptr<Worker>& worker : leaving_) {
    if (worker->source == source) {
      return absl::UnavailableError("an earlier source of this name is ending");
    }
  }
  std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) {
    worker = std::make_shared<Worker>();
    worker->source = source;
    worker->reader = make_(source);
    worker->executor =
        std::make_unique<SerialExecutor>(clock_, threads_, absl::StrCat("git-", source));
    bool full = false;
    {
      MutexLock lock(mu_);
      full = workers_.size() + leaving_.size() >= limits::kGitSources;
      if (!full) workers_[source] = worker;
    }
    if (full) {
      worker->executor->Stop();
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", limits::kGitSources, " sources at once"));
    }
  }
  {
    MutexLock lock(worker->mu);
    ESPALIER_CHECK(!worker->busy && !worker->result.has_value());
    worker->busy = true;
    worker->wanted = std::move(request);
  }
  return PostStep(worker);
}

std::optional<ReadResult> ReadThreads::Take(const std::string& source) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return std::nullopt;
  MutexLock lock(worker->mu);
  return std::exchange(worker->result, std::nullopt);
}

void ReadThreads::Forget(const std::string& source) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return;
  {
    MutexLock lock(mu_);
    workers_.erase(source);
  }
  {
    MutexLock lock(worker->mu);
    worker->forgotten = true;
  }
  // Behind whatever is under way, on the thread that the files belong to.
  SourceReader* reader = worker->reader.get();
  (void)worker->executor->Post([reader] { reader->RemoveFiles(); });
  leaving_.push_back(worker);
  Reap();
}

// Proposals.

absl::Status ReadThreads::StartProposal(const std::string& source, ProposalRequest request) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return NotRead();
  {
    MutexLock lock(worker->mu);
    std::deque<ProposalRequest>& waiting = worker->proposals;
    const auto same = std::find_if(waiting.begin(), waiting.end(), [&](const auto& other) {
      return other.number == request.number;
    });
    if (same != waiting.end()) {
      *same = std::move(request);
      return absl::OkStatus();
    }
    if (waiting.size() == limits::kProposalReads) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", limits::kProposalReads, " pull requests wait to be read"));
    }
    waiting.push_back(std::move(request));
  }
  return PostStep(worker);
}

std::optional<ProposalResult> ReadThreads::TakeProposal(const std::string& source,
                                                        std::int64_t number) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return std::nullopt;
  std::optional<ProposalResult> result;
  {
    MutexLock lock(worker->mu);
    auto taken = worker->proposed.extract(number);
    if (taken.empty()) return std::nullopt;
    result = std::move(taken.mapped());
  }
  // There is room for another result.
  (void)PostStep(worker);
  return result;
}

void ReadThreads::DropProposal(const std::string& source, std::int64_t number) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return;
  {
    MutexLock lock(worker->mu);
    std::erase_if(worker->proposals, [&](const auto& other) { return other.number == number; });
    worker->proposed.erase(number);
    if (worker->reading == number) worker->reading = 0;
  }
  SourceReader* reader = worker->reader.get();
  (void)worker->executor->Post([reader, number] { reader->DropProposal(number); });
  (void)PostStep(worker);
}

// History.

absl::Status ReadThreads::StartHistory(const std::string& source, HistoryRequest request) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return NotRead();
  {
    MutexLock lock(worker->mu);
    worker->question = std::move(request);
  }
  return PostStep(worker);
}

std::optional<HistoryResult> ReadThreads::TakeHistory(const std::string& source) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return std::nullopt;
  MutexLock lock(worker->mu);
  return std::exchange(worker->answer, std::nullopt);
}

// Patches.

absl::Status ReadThreads::StartPatch(const std::string& source, PatchRequest request) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return NotRead();
  {
    MutexLock lock(worker->mu);
    worker->patch = std::move(request);
  }
  return PostStep(worker);
}

std::optional<PatchResult> ReadThreads::TakePatch(const std::string& source) {
  const std::shared_ptr<Worker> worker = Find(source);
  if (worker == nullptr) return std::nullopt;
  MutexLock lock(worker->mu);
  return std::exchange(worker->patched, std::nullopt);
}

// On the worker's executor.

absl::Status ReadThreads::PostStep(const std::shared_ptr<Worker>& worker) {
  // The executor is stopped before the worker goes.
  return worker->executor->Post([this, raw = worker.get()] { Step(*raw); });
}

void ReadThreads::Step(Worker& worker) {
  std::optional<ReadRequest> tracked;
  std::optional<HistoryRequest> question;
  std::optional<PatchRequest> patch;
  std::optional<ProposalRequest> proposal;
  {
    MutexLock lock(worker.mu);
    if (worker.forgotten) return;
    // A push to the tracked ref never waits behind a thousand pull requests.
    if (worker.wanted.has_value()) {
      tracked = std::exchange(worker.wanted, std::nullopt);
    } else if (worker.question.has_value()) {
      question = std::exchange(worker.question, std::nullopt);
    } else if (worker.patch.has_value()) {
      patch = std::exchange(worker.patch, std::nullopt);
    } else if (!worker.proposals.empty() && worker.proposed.size() < limits::kProposalResults) {
      proposal = std::move(worker.proposals.front());
      worker.proposals.pop_front();
      worker.reading = proposal->number;
    } else {
      return;
    }
    worker.running = true;
  }
  if (tracked.has_value()) Read(worker, *tracked);
  if (question.has_value()) ReadHistory(worker, *question);
  if (patch.has_value()) ReadPatch(worker, *patch);
  if (proposal.has_value()) ReadProposal(worker, *proposal);
}

void ReadThreads::Read(Worker& worker, const ReadRequest& request) {
  ReadResult result = worker.reader->Read(request);
  {
    MutexLock lock(worker.mu);
    worker.running = worker.busy = false;
    if (worker.forgotten) return;
    worker.result = std::move(result);
  }
  events_.read(worker.source);
}

void ReadThreads::ReadProposal(Worker& worker, const ProposalRequest& request) {
  ProposalResult result = worker.reader->ReadProposal(request);
  {
    MutexLock lock(worker.mu);
    worker.running = false;
    const bool dropped = std::exchange(worker.reading, 0) != request.number;
    if (worker.forgotten || dropped) return;
    worker.proposed[request.number] = std::move(result);
  }
  events_.proposal(worker.source, request.number);
}

void ReadThreads::ReadHistory(Worker& worker, const HistoryRequest& request) {
  HistoryResult result = worker.reader->ReadHistory(request);
  {
    MutexLock lock(worker.mu);
    worker.running = false;
    if (worker.forgotten) return;
    worker.answer = std::move(result);
  }
  events_.history(worker.source);
}

void ReadThreads::ReadPatch(Worker& worker, const PatchRequest& request) {
  PatchResult result = worker.reader->ReadPatch(request);
  {
    MutexLock lock(worker.mu);
    worker.running = false;
    if (worker.forgotten) return;
    worker.patched = std::move(result);
  }
  events_.patch(worker.source);
}

// The end.

void ReadThreads::Reap() {
  const auto gone = std::partition(leaving_.begin(), leaving_.end(), [](const auto& worker) {
    MutexLock lock(worker->mu);
    return worker->running;
  });
  for (auto worker = gone; worker != leaving_.end(); ++worker) (*worker)->executor->Stop();
  leaving_.erase(gone, leaving_.end());
}

void ReadThreads::Stop() {
  std::map<std::string, std::shared_ptr<Worker>> workers;
  {
    MutexLock lock(mu_);
    workers.swap(workers_);
  }
  for (const auto& [source, worker] : workers) worker->executor->Stop();
  for (const std::shared_ptr<Worker>& worker : leaving_) worker->executor->Stop();
  leaving_.clear();
}

}  // namespace espalier
