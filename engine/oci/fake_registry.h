// FakeRegistry: registries in memory, with failure knobs. Every registry host is the same store;
// the repository tells things apart. Passes the same tests as the real client (registry_test.cc).
// Thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/mutex.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

class FakeRegistry final : public Registry {
 public:
  // --- Knobs.

  // Calls of a method ("GetManifest", "GetBlob", "HasBlob", "PutBlob", "PutManifest", "ListTags",
  // "ListRepositories") fail: the first `skip` go through, then `times` fail.
  void FailNext(absl::string_view method, const absl::Status& status, int times = 1, int skip = 0);
  // Blobs are given out in steps of this size, so that sinks are called more than once.
  void SetStep(std::size_t bytes);
  // The next GetBlob of this digest ends after `bytes` with `status`.
  void BreakBlob(const std::string& digest, std::int64_t bytes, const absl::Status& status);
  // From now on one byte of the blob is another one.
  void CorruptBlob(const std::string& digest);
  // Bytes of blobs given out so far.
  std::int64_t served_bytes() const;
  int calls(absl::string_view method) const;
  // Stores a manifest without asking whether its blobs are there.
  std::string AddManifest(const Reference& reference, absl::string_view media_type,
                          absl::string_view bytes);

  // --- Registry.
  absl::StatusOr<Manifest> GetManifest(const Reference& reference, absl::string_view arch) override;
  absl::Status GetBlob(const Reference& reference, const Descriptor& blob, std::int64_t offset,
                       std::int64_t max_bytes_per_second,
                       absl::FunctionRef<absl::Status(absl::string_view)> sink) override;
  absl::StatusOr<bool> HasBlob(const Reference& reference, absl::string_view digest) override;
  absl::Status PutBlob(
      const Reference& reference, const Descriptor& blob,
      absl::FunctionRef<absl::StatusOr<std::string>(std::int64_t, std::size_t)> read) override;
  absl::StatusOr<std::string> PutManifest(const Reference& reference, absl::string_view media_type,
                                          absl::string_view bytes) override;
  absl::StatusOr<std::vector<std::string>> ListTags(const Reference& reference) override;
  absl::StatusOr<std::vector<std::string>> ListRepositories(const std::string& registry) override;

 private:
  struct StoredManifest {
    std::string media_type;
    std::string bytes;
  };
  struct Repository {
    std::map<std::string, std::string> blobs;
    std::map<std::string, StoredManifest> manifests;
    std::map<std::string, std::string> tags;
  };
  struct Failure {
    std::string method;
    absl::Status status;
    int times = 0;
    int skip = 0;
  };
  struct Break {
    std::int64_t bytes = 0;
    absl::Status status;
  };

  absl::Status Enter(absl::string_view method) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<StoredManifest> Find(const Reference& reference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::map<std::string, Repository> repositories_ ABSL_GUARDED_BY(mu_);
  std::vector<Failure> failures_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Break> breaks_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> calls_ ABSL_GUARDED_BY(mu_);
  std::size_t step_ ABSL_GUARDED_BY(mu_) = 64 * 1024;
  std::int64_t served_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace espalier::oci
