// JsonCache: the JSON of the objects that were listed lately. Lists are read again and again while
// few of their objects change; writing one costs several times what it takes to copy it. An entry
// is good for one revision of one incarnation. Owned by RestService; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "engine/base/mutex.h"
#include "engine/model/kind.h"

namespace espalier {

class JsonCache {
 public:
  // Keeps at most about `max_bytes`; what was not asked for lately goes first.
  explicit JsonCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Appends ToJson(object) to `out`. REQUIRES: the object is as it is stored, whole.
  void Append(const Resource& object, std::string& out);

  std::size_t bytes() const;

 private:
  struct Entry {
    std::int64_t revision = 0;
    std::shared_ptr<const std::string> json;  // read on after the lock is let go
  };
  struct Generation {
    // By uid.
    absl::flat_hash_map<std::string, Entry> entries;
    std::size_t bytes = 0;
  };

  std::shared_ptr<const std::string> Find(const Resource& object);
  void Keep(const Resource& object, std::shared_ptr<const std::string> json)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::size_t max_bytes_;
  mutable Mutex mu_;
  // What is asked for moves into the young generation. When that is half of all, the old one is
  // dropped and the young one takes its place.
  Generation young_ ABSL_GUARDED_BY(mu_);
  Generation old_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
