#include "engine/api/secrets.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "engine/base/mutex.h"

namespace espalier {
namespace {

// More than a process needs at one time; a set that never shrinks would be a leak.
constexpr std::size_t kRemembered = 256;

class Remembering {
 public:
  Remembering(Secrets& secrets, Caller caller)
      : secrets_(secrets), context_{.caller = std::move(caller)} {}

  absl::StatusOr<std::string> Reveal(const std::string& sealed) {
    {
      MutexLock lock(mu_);
      const auto known = known_.find(sealed);
      if (known != known_.end()) return known->second;
    }
    absl::StatusOr<std::string> value = secrets_.Reveal(context_, sealed);
    if (!value.ok()) return value;
    MutexLock lock(mu_);
    if (known_.size() >= kRemembered) known_.clear();
    known_[sealed] = *value;
    return value;
  }

 private:
  Secrets& secrets_;
  const CallContext context_;
  Mutex mu_;
  std::map<std::string, std::string> known_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

Reveal RevealThrough(Secrets& secrets, Caller caller) {
  // Shared: the function is copied by whoever asks.
  auto remembering = std::make_shared<Remembering>(secrets, std::move(caller));
  return [remembering](const std::string& sealed) { return remembering->Reveal(sealed); };
}

}  // namespace espalier
