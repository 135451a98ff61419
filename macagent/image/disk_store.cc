#include "macagent/image/disk_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "macagent/image/local_pieces.h"

namespace espalier::agent {
namespace {

// Between two tries of a pull: doubled each time.
constexpr absl::Duration kFirstRetry = absl::Seconds(10);
constexpr absl::Duration kLastRetry = absl::Minutes(5);

// Room that an image is thought to take before it is here: its disk, but disks are mostly empty,
// and what is not empty seldom compresses to less than a third.
std::int64_t ExpectedBytes(const oci::ImageLayout& layout) {
  return std::min(layout.disk_bytes, 3 * layout.compressed_bytes());
}

}  // namespace

std::unique_ptr<ImageStore> MakeImageStore(Clock& clock, Threads& threads, Io& io, Random& random,
                                           Log& log, oci::Registry& registry,
                                           const ImageStoreOptions& options) {
  return std::make_unique<DiskImageStore>(clock, threads, io, random, log, registry, options);
}

DiskImageStore::DiskImageStore(Clock& clock, Threads& threads, Io& io, Random& random, Log& log,
                               oci::Registry& registry, const ImageStoreOptions& options)
    : clock_(clock),
      threads_(threads),
      io_(io),
      random_(random),
      log_(log),
      registry_(registry),
      options_(options),
      dirs_(io, options.dir),
      budget_bytes_(options.budget_bytes),
      bytes_per_second_(options.bytes_per_second) {}

DiskImageStore::~DiskImageStore() { ESPALIER_CHECK(workers_.empty()); }

absl::Status DiskImageStore::Start() {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<StoredImage> stored, dirs_.Open());
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> pulls, dirs_.ListPulls());
  {
    MutexLock lock(mu_);
    for (const StoredImage& image : stored) {
      HostImage& now = entries_[image.digest].now;
      now.digest = image.digest;
      now.reference = image.record.reference;
      now.state = HostImage::State::kReady;
      now.os = image.record.os;
      now.arch = image.record.arch;
      now.bytes = image.bytes;
      now.since = image.record.since;
      now.last_used = image.record.last_used;
      now.found = !image.ours;
    }
    old_pulls_.insert(pulls.begin(), pulls.end());
  }
  const int count = std::max(options_.parallel_pulls, 1);
  for (int i = 0; i < count; ++i) wakeups_.push_back(std::make_unique<Wakeup>());
  for (int i = 0; i < count; ++i) {
    workers_.push_back(threads_.Start("images", [this, i] { Work(*wakeups_[i]); }));
  }
  return absl::OkStatus();
}

void DiskImageStore::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    watcher_ = nullptr;
    for (auto& [digest, entry] : entries_) {
      if (entry.pull != nullptr) entry.pull->Cancel();
    }
  }
  WakeWorkers();
  for (const std::unique_ptr<Thread>& worker : workers_) worker->Join();
  workers_.clear();
}

absl::Status DiskImageStore::SetWanted(const std::vector<WantedImage>& images) {
  absl::Status status;
  std::map<std::string, WantedImage> wanted;
  for (const WantedImage& image : images) {
    const absl::StatusOr<oci::Reference> reference = oci::ParseReference(image.reference);
    if (!reference.ok() || reference->digest.empty()) {
      status.Update(absl::InvalidArgumentError(
          absl::StrCat("image \"", image.reference, "\" is no reference with a digest")));
      continue;
    }
    const auto [at, added] = wanted.emplace(reference->digest, image);
    if (!added) at->second.need = std::max(at->second.need, image.need);
  }
  const absl::Time now = clock_.Now();
  bool changed = false;
  {
    MutexLock lock(mu_);
    for (auto at = entries_.begin(); at != entries_.end();) {
      Entry& entry = at->second;
      const auto found = wanted.find(at->first);
      const Need need = found == wanted.end() ? Need::kNone : found->second.need;
      changed |= entry.now.need != need;
      entry.now.need = need;
      if (need != Need::kNone || entry.now.state == HostImage::State::kReady) {
        ++at;
        continue;
      }
      if (entry.pull != nullptr) {
        // Its worker clears up.
        entry.pull->Cancel();
        ++at;
      } else {
        garbage_.insert(at->first);
        at = entries_.erase(at);
      }
    }
    for (const auto& [digest, image] : wanted) {
      const auto [at, added] = entries_.try_emplace(digest);
      HostImage& entry = at->second.now;
      if (added) {
        entry.digest = digest;
        entry.since = entry.last_used = now;
        changed = true;
      }
      // Content that another hand put here is believed only after it was verified.
      if (entry.found) {
        entry.found = false;
        entry.state = HostImage::State::kCaching;
        changed = true;
      }
      // Another place to fetch it from may be a better one.
      if (entry.reference != image.reference) at->second.try_at = absl::ZeroDuration();
      entry.reference = image.reference;
      entry.need = image.need;
      garbage_.erase(digest);
      old_pulls_.erase(digest);
    }
    garbage_.merge(old_pulls_);
    old_pulls_.clear();
  }
  WakeWorkers();
  if (changed) NotifyWatcher();
  return status;
}

void DiskImageStore::SetLimits(std::int64_t budget_bytes, std::int64_t bytes_per_second) {
  {
    MutexLock lock(mu_);
    budget_bytes_ = budget_bytes > 0 ? budget_bytes : options_.budget_bytes;
    bytes_per_second_ = bytes_per_second > 0 ? bytes_per_second : options_.bytes_per_second;
  }
  WakeWorkers();
}

std::vector<HostImage> DiskImageStore::List() const {
  std::vector<HostImage> images;
  MutexLock lock(mu_);
  images.reserve(entries_.size());
  for (const auto& [digest, entry] : entries_) images.push_back(entry.now);
  return images;
}

void DiskImageStore::NotifyOn(Wakeup& wakeup) {
  MutexLock lock(mu_);
  watcher_ = &wakeup;
}

absl::Status DiskImageStore::CloneForRun(const std::string& digest, const std::string& dir) {
  const absl::Time now = clock_.Now();
  ImageRecord record;
  {
    MutexLock lock(mu_);
    const auto found = entries_.find(digest);
    if (found == entries_.end()) return absl::NotFoundError(absl::StrCat("no image ", digest));
    Entry& entry = found->second;
    if (entry.now.state != HostImage::State::kReady || entry.now.found) {
      return absl::FailedPreconditionError(absl::StrCat("image ", digest, " is not complete"));
    }
    ++entry.clones;
    entry.now.last_used = now;
    record = {entry.now.reference, entry.now.os, entry.now.arch, entry.now.since, now};
  }
  absl::Status status = dirs_.Clone(digest, dir);
  // Only orders evictions: a clone is not refused for it.
  if (status.ok()) dirs_.WriteRecord(digest, record).IgnoreError();
  MutexLock lock(mu_);
  --entries_.at(digest).clones;
  return Annotate(status, absl::StrCat("clone image ", digest));
}

void DiskImageStore::Work(Wakeup& wakeup) {
  while (true) {
    CollectGarbage();
    Job job;
    absl::Duration look_again;
    const bool taken = TakeJob(clock_.Elapsed(), job, look_again);
    if (taken) {
      RunJob(job);
      continue;
    }
    {
      MutexLock lock(mu_);
      if (stopping_) return;
    }
    clock_.WaitUntil(wakeup, look_again);
  }
}

bool DiskImageStore::TakeJob(absl::Duration now, Job& job, absl::Duration& look_again) {
  look_again = absl::InfiniteDuration();
  MutexLock lock(mu_);
  if (stopping_) return false;
  Entry* best = nullptr;
  for (auto& [digest, entry] : entries_) {
    // With a limited rate one pull has it all: sharing it would make none of them faster.
    if (entry.pull != nullptr && bytes_per_second_ > 0) return false;
    if (entry.now.state == HostImage::State::kReady || entry.pull != nullptr) continue;
    if (removing_.contains(digest)) continue;
    if (entry.try_at > now) {
      look_again = std::min(look_again, entry.try_at);
      continue;
    }
    if (best == nullptr || entry.now.need > best->now.need) best = &entry;
  }
  if (best == nullptr) return false;
  best->pull = std::make_shared<Cancellation>();
  best->now.state = HostImage::State::kCaching;
  best->now.message.clear();
  best->now.done_bytes = 0;
  best->now.bytes_per_second = 0;
  best->sampled_at = now;
  best->sampled_bytes = 0;
  job = {best->now.digest, best->now.reference, best->now.need, best->pull, bytes_per_second_};
  return true;
}

void DiskImageStore::RunJob(const Job& job) {
  NotifyWatcher();
  log_.Info("pulling an image", {{telemetry::kImage, job.reference}});
  absl::StatusOr<oci::PulledImage> pulled = Pull(job);
  absl::Status status = pulled.status();
  if (pulled.ok()) {
    const absl::Time now = clock_.Now();
    const absl::StatusOr<std::int64_t> bytes =
        dirs_.Publish(job.digest, {job.reference, pulled->os, pulled->arch, now, now});
    status = bytes.status();
    if (bytes.ok()) {
      MutexLock lock(mu_);
      HostImage& image = entries_.at(job.digest).now;
      image.state = HostImage::State::kReady;
      image.os = pulled->os;
      image.arch = pulled->arch;
      image.bytes = *bytes;
      image.last_used = now;
      image.message.clear();
    }
  }
  FinishJob(job, status);
  NotifyWatcher();
}

void DiskImageStore::FinishJob(const Job& job, const absl::Status& status) {
  const absl::Duration now = clock_.Elapsed();
  const double jitter = absl::FDivDuration(random_.Jitter(absl::Seconds(1), 0.1), absl::Seconds(1));
  {
    MutexLock lock(mu_);
    const auto found = entries_.find(job.digest);
    Entry& entry = found->second;
    entry.pull.reset();
    entry.expected = entry.reserved = 0;
    entry.now.bytes_per_second = 0;
    if (status.ok()) {
      entry.failures = 0;
    } else if (entry.now.need == Need::kNone) {
      if (!stopping_) garbage_.insert(job.digest);
      entries_.erase(found);
    } else if (job.cancellation->cancelled()) {
      // Stopped, or wanted again while it was ending: begins anew from what is verified.
      entry.now.state = HostImage::State::kCaching;
    } else {
      const int doublings = std::min(entry.failures++, 10);
      entry.try_at = now + std::min(kFirstRetry * (1 << doublings), kLastRetry) * jitter;
      entry.now.state = HostImage::State::kFailed;
      entry.now.message = std::string(status.message());
    }
  }
  if (status.ok()) {
    log_.Info("image is ready", {{telemetry::kImage, job.reference}});
  } else if (!absl::IsCancelled(status)) {
    log_.Warn("pull failed",
              {{telemetry::kImage, job.reference}, {telemetry::kError, status.ToString()}});
  }
}

absl::StatusOr<oci::PulledImage> DiskImageStore::Pull(const Job& job) {
  ESPALIER_ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(job.reference));
  ESPALIER_ASSIGN_OR_RETURN(const oci::Manifest manifest, registry_.GetManifest(reference, ""));
  ESPALIER_ASSIGN_OR_RETURN(const oci::ImageLayout layout, oci::ReadLayout(manifest));
  ESPALIER_RETURN_IF_ERROR(MakeRoom(job, ExpectedBytes(layout)));
  ESPALIER_ASSIGN_OR_RETURN(const std::string dir, dirs_.PreparePull(job.digest));
  oci::PullOptions options;
  options.parallel_layers = options_.parallel_layers;
  options.bytes_per_second = job.bytes_per_second;
  options.local = FindLocalPieces(io_, dirs_, ReadyDigests(), layout, dir);
  options.cancellation = job.cancellation.get();
  options.progress = [this, &job](std::int64_t done, std::int64_t total) {
    NoteProgress(job.digest, done, total);
  };
  return oci::PullImage(threads_, io_, registry_, reference, dir, options);
}

absl::Status DiskImageStore::MakeRoom(const Job& job, std::int64_t bytes) {
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t free, io_.FreeBytes(options_.dir));
  std::vector<std::string> victims;
  if (!TakeVictims(job, bytes, free, clock_.Elapsed(), victims)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no room for ", bytes, " bytes: ", free, " are free on the disk, ", options_.headroom_bytes,
        " of them are kept for running VMs, and no image "
        "that is needed less can go"));
  }
  RemoveEvicted(victims);
  return absl::OkStatus();
}

std::vector<Candidate> DiskImageStore::ListCandidates(std::int64_t& used) const {
  std::vector<Candidate> candidates;
  used = 0;
  for (const auto& [digest, entry] : entries_) {
    const HostImage& image = entry.now;
    if (image.state != HostImage::State::kReady) continue;
    used += image.bytes;
    // What another hand put here is not ours to remove.
    if (image.found || entry.clones > 0) continue;
    candidates.push_back({digest, image.need, image.bytes, image.last_used});
  }
  return candidates;
}

bool DiskImageStore::TakeVictims(const Job& job, std::int64_t bytes, std::int64_t free,
                                 absl::Duration now, std::vector<std::string>& victims) {
  MutexLock lock(mu_);
  std::int64_t used = 0;
  std::vector<Candidate> candidates = ListCandidates(used);
  std::int64_t missing = bytes + options_.headroom_bytes - free;
  std::int64_t over = used + bytes - budget_bytes_;
  for (const auto& [digest, entry] : entries_) {
    missing += entry.reserved;
    over += entry.expected;
  }
  if (budget_bytes_ > 0) missing = std::max(missing, over);
  std::optional<std::vector<std::string>> chosen =
      ChooseVictims(std::move(candidates), job.need, missing);
  if (!chosen.has_value()) return false;
  for (const std::string& victim : *chosen) {
    Entry& entry = entries_.at(victim);
    removing_.insert(victim);
    if (entry.now.need == Need::kNone) {
      entries_.erase(victim);
      continue;
    }
    // Still wanted, but not as much: pulled again when there is room for both.
    entry.now.state = HostImage::State::kFailed;
    entry.now.message = "evicted to make room for an image that is needed more";
    entry.now.bytes = 0;
    entry.try_at = now + kLastRetry;
  }
  Entry& entry = entries_.at(job.digest);
  entry.expected = entry.reserved = bytes;
  victims = *std::move(chosen);
  return true;
}

void DiskImageStore::RemoveEvicted(const std::vector<std::string>& victims) {
  if (victims.empty()) return;
  for (const std::string& victim : victims) {
    log_.Info("evicting an image", {{telemetry::kImage, victim}});
    const absl::Status status = dirs_.DiscardImage(victim);
    if (!status.ok()) {
      log_.Warn("an evicted image stays on the disk",
                {{telemetry::kImage, victim}, {telemetry::kError, status.ToString()}});
    }
    MutexLock lock(mu_);
    removing_.erase(victim);
  }
  WakeWorkers();
  NotifyWatcher();
}

void DiskImageStore::TrimToBudget() {
  while (true) {
    std::vector<std::string> victims;
    {
      MutexLock lock(mu_);
      std::int64_t used = 0;
      std::vector<Candidate> candidates = ListCandidates(used);
      if (budget_bytes_ == 0 || used <= budget_bytes_) return;
      // One at a time: whatever can go goes, also when it is not enough.
      const auto chosen = ChooseVictims(std::move(candidates), Need::kCached, 1);
      if (!chosen.has_value()) return;
      victims = *chosen;
      for (const std::string& victim : victims) {
        removing_.insert(victim);
        entries_.erase(victim);
      }
    }
    RemoveEvicted(victims);
  }
}

std::set<std::string> DiskImageStore::ReadyDigests() const {
  std::set<std::string> ready;
  MutexLock lock(mu_);
  for (const auto& [digest, entry] : entries_) {
    if (entry.now.state == HostImage::State::kReady && !entry.now.found) ready.insert(digest);
  }
  return ready;
}

void DiskImageStore::NoteProgress(const std::string& digest, std::int64_t done,
                                  std::int64_t total) {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Entry& entry = entries_.at(digest);
  // Threads may come here in another order than they counted.
  entry.now.done_bytes = std::max(entry.now.done_bytes, done);
  entry.now.total_bytes = total;
  if (total > 0) {
    const double left =
        static_cast<double>(total - entry.now.done_bytes) / static_cast<double>(total);
    entry.reserved = static_cast<std::int64_t>(static_cast<double>(entry.expected) * left);
  }
  const absl::Duration passed = now - entry.sampled_at;
  if (passed < absl::Seconds(1)) return;
  const double rate =
      static_cast<double>(done - entry.sampled_bytes) / absl::ToDoubleSeconds(passed);
  entry.now.bytes_per_second = std::max<std::int64_t>(0, static_cast<std::int64_t>(rate));
  entry.sampled_at = now;
  entry.sampled_bytes = done;
}

void DiskImageStore::CollectGarbage() {
  while (true) {
    std::string digest;
    {
      MutexLock lock(mu_);
      if (garbage_.empty()) break;
      digest = garbage_.extract(garbage_.begin()).value();
      // Wanted again: its parts are of use.
      if (entries_.contains(digest)) continue;
      removing_.insert(digest);
    }
    const absl::Status status = dirs_.DiscardPull(digest);
    if (!status.ok()) {
      log_.Warn("parts of a pull stay on the disk",
                {{telemetry::kImage, digest}, {telemetry::kError, status.ToString()}});
    }
    {
      MutexLock lock(mu_);
      removing_.erase(digest);
    }
    WakeWorkers();
  }
  TrimToBudget();
}

void DiskImageStore::WakeWorkers() {
  for (const std::unique_ptr<Wakeup>& wakeup : wakeups_) wakeup->Notify();
}

void DiskImageStore::NotifyWatcher() {
  MutexLock lock(mu_);
  if (watcher_ != nullptr) watcher_->Notify();
}

}  // namespace espalier::agent
