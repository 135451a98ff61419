#include "macagent/sim_images.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace espalier::agent {

SimImages::SimImages(Clock& clock, Random& random, SimImagesOptions options)
    : clock_(clock), random_(random), options_(options) {}

void SimImages::Begin(Image& image, absl::Duration now) const {
  image.now.state = HostImage::State::kCaching;
  image.now.message.clear();
  image.began = now;
  image.due = image.began + random_.Jitter(options_.pull_delay, 0.2);
}

void SimImages::Settle(absl::Duration now) const {
  for (auto& [digest, image] : images_) {
    if (image.now.state == HostImage::State::kCaching) {
      const double whole = absl::FDivDuration(image.due - image.began, absl::Seconds(1));
      const double done = absl::FDivDuration(now - image.began, absl::Seconds(1));
      const double rate = static_cast<double>(options_.image_bytes) / std::max(whole, 0.001);
      image.now.total_bytes = options_.image_bytes;
      image.now.bytes_per_second = static_cast<std::int64_t>(rate);
      image.now.done_bytes = std::min(options_.image_bytes, static_cast<std::int64_t>(rate * done));
    }
    if (now < image.due) continue;
    if (image.now.state == HostImage::State::kFailed) {
      Begin(image, now);
    } else if (random_.Chance(options_.fail_pull)) {
      image.now.state = HostImage::State::kFailed;
      image.now.message = "the registry broke off";
      image.due = now + options_.again_after;
    } else {
      image.now.state = HostImage::State::kReady;
      image.now.bytes = options_.image_bytes;
      image.due = absl::InfiniteDuration();
    }
  }
}

absl::Status SimImages::SetWanted(const std::vector<WantedImage>& images) {
  const absl::Time wall = clock_.Now();
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Settle(now);
  for (auto& [digest, image] : images_) image.now.need = Need::kNone;
  absl::Status status;
  for (const WantedImage& wanted : images) {
    const std::size_t at = wanted.reference.rfind('@');
    if (at == std::string::npos) {
      status = absl::InvalidArgumentError(absl::StrCat(wanted.reference, " has no digest"));
      continue;
    }
    const auto [entry, inserted] = images_.try_emplace(wanted.reference.substr(at + 1));
    Image& image = entry->second;
    image.now.need = std::max(image.now.need, wanted.need);
    if (!inserted) continue;
    image.now.digest = entry->first;
    image.now.reference = wanted.reference;
    image.now.since = wall;
    Begin(image, now);
  }
  std::erase_if(images_, [&](const auto& entry) {
    return entry.second.now.state != HostImage::State::kReady &&
           entry.second.now.need == Need::kNone;
  });
  return status;
}

std::vector<HostImage> SimImages::List() const {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Settle(now);
  std::vector<HostImage> list;
  for (const auto& [digest, image] : images_) list.push_back(image.now);
  return list;
}

absl::Status SimImages::CloneForRun(const std::string& digest, const std::string& dir) {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Settle(now);
  const auto image = images_.find(digest);
  if (image == images_.end()) return absl::NotFoundError(absl::StrCat(digest, " is not here"));
  if (image->second.now.state != HostImage::State::kReady) {
    return absl::FailedPreconditionError(absl::StrCat(digest, " is not ready"));
  }
  if (random_.Chance(options_.fail_clone)) return absl::ResourceExhaustedError("the disk is full");
  return absl::OkStatus();
}

void SimImages::SetOptions(const SimImagesOptions& options) {
  MutexLock lock(mu_);
  options_ = options;
}

void SimImages::AddFound(const std::string& digest) {
  const absl::Time wall = clock_.Now();
  MutexLock lock(mu_);
  Image& image = images_[digest];
  image.now.digest = digest;
  image.now.state = HostImage::State::kReady;
  image.now.bytes = options_.image_bytes;
  image.now.since = wall;
  image.now.found = true;
  image.due = absl::InfiniteDuration();
}

}  // namespace espalier::agent
