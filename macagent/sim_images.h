// SimImages: an image store without registry and disk, for the simulation and tests. Like the
// simulated hypervisor it is the machine's: it outlives a crashed agent, works out what time has
// brought when somebody looks, and has failure knobs. It wakes nobody. Thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "macagent/image/store.h"

namespace espalier::agent {

struct SimImagesOptions {
  // A pull takes this long, give or take a fifth.
  absl::Duration pull_delay = absl::Seconds(3);
  std::int64_t image_bytes = std::int64_t{24} << 30;
  // Probability that a pull fails at its end; it begins anew after `again_after`.
  double fail_pull = 0;
  absl::Duration again_after = absl::Seconds(10);
  // Probability that a clone fails.
  double fail_clone = 0;
};

class SimImages final : public ImageStore {
 public:
  SimImages(Clock& clock, Random& random, SimImagesOptions options);

  absl::Status Start() override { return absl::OkStatus(); }
  void Stop() override {}
  absl::Status SetWanted(const std::vector<WantedImage>& images) override;
  void SetLimits(std::int64_t budget_bytes, std::int64_t bytes_per_second) override {}
  std::vector<HostImage> List() const override;
  absl::Status CloneForRun(const std::string& digest, const std::string& dir) override;
  void NotifyOn(Wakeup& wakeup) override {}

  // From now on.
  void SetOptions(const SimImagesOptions& options);
  // Another hand puts an image here.
  void AddFound(const std::string& digest);

 private:
  struct Image {
    HostImage now;
    absl::Duration began;
    // When the pull ends, or begins anew.
    absl::Duration due;
  };
  void Settle(absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Begin(Image& image, absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  Random& random_;
  mutable Mutex mu_;
  SimImagesOptions options_ ABSL_GUARDED_BY(mu_);
  // By digest; looking is what brings them up to date.
  mutable std::map<std::string, Image> images_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::agent
