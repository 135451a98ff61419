// PreviewBook: what dry runs that together are one plan would make, for a caller that asks in
// parts: Terraform asks about every object alone, and only all of them together say whether there
// is room for them. Kept in memory for a while; forgetting it makes an answer less complete, never
// wrong about what stands. Owned by LocalResources. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/model/ref.h"
#include "engine/plan/plan.h"

namespace espalier {

class PreviewBook {
 public:
  // Of one plan after its last question, and of all plans together.
  static constexpr absl::Duration kKept = absl::Minutes(10);
  static constexpr std::size_t kObjects = 20000;

  explicit PreviewBook(Clock& clock) : clock_(clock) {}

  // What the earlier questions of this caller under this word would make, but for what has been
  // made since.
  EarlierObjects Earlier(const std::string& caller, const std::string& word,
                         const Objects& objects);
  // Adds the VMs that `plan` would make, and the pools that it would make or change.
  void Remember(const std::string& caller, const std::string& word, const PlanOutput& plan);

 private:
  struct Preview {
    absl::Duration asked_at;
    std::map<Ref, std::shared_ptr<const Resource>> objects;  // shared with answers under way
  };
  using Key = std::pair<std::string, std::string>;

  void ForgetOld(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  Mutex mu_;
  std::map<Key, Preview> previews_ ABSL_GUARDED_BY(mu_);
  std::size_t size_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace espalier
