// DiskImageStore: the ImageStore of real hosts (store.h has the contract). Its workers are threads
// that each pull one image at a time; everything that they and the callers share is behind one
// mutex, which is never held while disk, network or clock are used.
//
//             SetWanted              every digest held
//   (none) ─────────────▶ CACHING ────────────────────▶ READY ──▶ evicted, when in the way
//                          ▲    │ error                          and needed less
//                    later │    ▼
//                         FAILED          not wanted any more: CACHING, FAILED ──▶ (none)
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/call_context.h"
#include "engine/base/mutex.h"
#include "engine/oci/transfer.h"
#include "macagent/image/eviction.h"
#include "macagent/image/image_dirs.h"
#include "macagent/image/store.h"

namespace espalier::agent {

class DiskImageStore final : public ImageStore {
 public:
  DiskImageStore(Clock& clock, Threads& threads, Io& io, Random& random, Log& log,
                 oci::Registry& registry, const ImageStoreOptions& options);
  // REQUIRES: Stop was called, if Start was.
  ~DiskImageStore() override;

  absl::Status Start() override;
  void Stop() override;
  absl::Status SetWanted(const std::vector<WantedImage>& images) override;
  void SetLimits(std::int64_t budget_bytes, std::int64_t bytes_per_second) override;
  std::vector<HostImage> List() const override;
  absl::Status CloneForRun(const std::string& digest, const std::string& dir) override;
  void NotifyOn(Wakeup& wakeup) override;

 private:
  struct Entry {
    HostImage now;
    // Raised to end the pull under way; null while there is none. Shared with the pull.
    std::shared_ptr<Cancellation> pull;
    // Room that the pull under way is thought to take in all, and still to take.
    std::int64_t expected = 0;
    std::int64_t reserved = 0;
    int failures = 0;
    // Of Clock::Elapsed(): not before.
    absl::Duration try_at;
    // Clones being made of it: not evicted meanwhile.
    int clones = 0;
    // Where the rate was measured last.
    absl::Duration sampled_at;
    std::int64_t sampled_bytes = 0;
  };
  // What a worker is to do.
  struct Job {
    std::string digest;
    std::string reference;
    Need need = Need::kNone;
    std::shared_ptr<Cancellation> cancellation;
    std::int64_t bytes_per_second = 0;
  };

  void Work(Wakeup& wakeup);
  // The most needed pull that may begin now; false, and when to look again.
  bool TakeJob(absl::Duration now, Job& job, absl::Duration& look_again);
  void RunJob(const Job& job);
  absl::StatusOr<oci::PulledImage> Pull(const Job& job);
  // Evicts what is in the way. RESOURCE_EXHAUSTED if that does not help.
  absl::Status MakeRoom(const Job& job, std::int64_t bytes);
  // Takes the victims out of the map and books the room; false if they do not suffice.
  bool TakeVictims(const Job& job, std::int64_t bytes, std::int64_t free, absl::Duration now,
                   std::vector<std::string>& victims);
  // What may be evicted, and what all images take.
  std::vector<Candidate> ListCandidates(std::int64_t& used) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RemoveEvicted(const std::vector<std::string>& victims);
  void NoteProgress(const std::string& digest, std::int64_t done, std::int64_t total);
  void FinishJob(const Job& job, const absl::Status& status);
  // Removes the parts of pulls that nobody wants, and what a smaller budget has no room for.
  void CollectGarbage();
  void TrimToBudget();
  std::set<std::string> ReadyDigests() const;
  void WakeWorkers();
  void NotifyWatcher();

  Clock& clock_;
  Threads& threads_;
  Io& io_;
  Random& random_;
  Log& log_;
  oci::Registry& registry_;
  const ImageStoreOptions options_;
  ImageDirs dirs_;

  // One per worker, made before the threads.
  std::vector<std::unique_ptr<Wakeup>> wakeups_;
  std::vector<std::unique_ptr<Thread>> workers_;

  mutable Mutex mu_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mu_);
  // Pulls whose parts are to be removed.
  std::set<std::string> garbage_ ABSL_GUARDED_BY(mu_);
  // Being removed from the disk: not pulled again until that is done.
  std::set<std::string> removing_ ABSL_GUARDED_BY(mu_);
  // Before the first SetWanted nothing is known to be garbage.
  std::set<std::string> old_pulls_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::int64_t budget_bytes_ ABSL_GUARDED_BY(mu_);
  std::int64_t bytes_per_second_ ABSL_GUARDED_BY(mu_);
  Wakeup* watcher_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace espalier::agent
