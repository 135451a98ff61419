#include "engine/oci/fake_registry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"

namespace espalier::oci {

void FakeRegistry::FailNext(absl::string_view method, const absl::Status& status, int times,
                            int skip) {
  MutexLock lock(mu_);
  failures_.push_back({std::string(method), status, times, skip});
}

void FakeRegistry::SetStep(std::size_t bytes) {
  MutexLock lock(mu_);
  step_ = bytes;
}

void FakeRegistry::BreakBlob(const std::string& digest, std::int64_t bytes,
                             const absl::Status& status) {
  MutexLock lock(mu_);
  breaks_[digest] = {bytes, status};
}

void FakeRegistry::CorruptBlob(const std::string& digest) {
  MutexLock lock(mu_);
  for (auto& [name, repository] : repositories_) {
    const auto found = repository.blobs.find(digest);
    if (found != repository.blobs.end()) found->second[found->second.size() / 2] ^= 1;
  }
}

std::int64_t FakeRegistry::served_bytes() const {
  MutexLock lock(mu_);
  return served_bytes_;
}

int FakeRegistry::calls(absl::string_view method) const {
  MutexLock lock(mu_);
  const auto found = calls_.find(std::string(method));
  return found == calls_.end() ? 0 : found->second;
}

std::string FakeRegistry::AddManifest(const Reference& reference, absl::string_view media_type,
                                      absl::string_view bytes) {
  const std::string digest = DigestOf(bytes);
  MutexLock lock(mu_);
  Repository& repository = repositories_[reference.repository];
  repository.manifests[digest] = {std::string(media_type), std::string(bytes)};
  if (reference.digest.empty()) repository.tags[reference.tag] = digest;
  return digest;
}

absl::Status FakeRegistry::Enter(absl::string_view method) {
  ++calls_[std::string(method)];
  for (Failure& failure : failures_) {
    if (failure.method != method) continue;
    if (failure.skip > 0) {
      --failure.skip;
    } else if (failure.times > 0) {
      --failure.times;
      return failure.status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<FakeRegistry::StoredManifest> FakeRegistry::Find(const Reference& reference) {
  absl::Status missing = absl::NotFoundError(absl::StrCat(reference.ToString(), " is unknown"));
  const auto repository = repositories_.find(reference.repository);
  if (repository == repositories_.end()) return missing;
  std::string digest = reference.digest;
  if (digest.empty()) {
    const auto tag = repository->second.tags.find(reference.tag);
    if (tag == repository->second.tags.end()) return missing;
    digest = tag->second;
  }
  const auto manifest = repository->second.manifests.find(digest);
  if (manifest == repository->second.manifests.end()) return missing;
  return manifest->second;
}

absl::StatusOr<Manifest> FakeRegistry::GetManifest(const Reference& reference,
                                                   absl::string_view arch) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("GetManifest"));
  ESPALIER_ASSIGN_OR_RETURN(const StoredManifest stored, Find(reference));
  ESPALIER_ASSIGN_OR_RETURN(Document document, ParseDocument(stored.bytes, stored.media_type));
  if (!document.is_index) return std::move(document.manifest);
  for (const IndexEntry& entry : document.entries) {
    if (entry.arch == "unknown" || (!arch.empty() && entry.arch != arch)) continue;
    if (arch.empty() && document.entries.size() > 1) break;
    ESPALIER_ASSIGN_OR_RETURN(const StoredManifest image,
                              Find(reference.WithDigest(entry.descriptor.digest)));
    ESPALIER_ASSIGN_OR_RETURN(Document chosen, ParseDocument(image.bytes, image.media_type));
    return std::move(chosen.manifest);
  }
  if (arch.empty()) return absl::FailedPreconditionError("several platforms");
  return absl::NotFoundError(absl::StrCat("no image for ", arch));
}

absl::Status FakeRegistry::GetBlob(const Reference& reference, const Descriptor& blob,
                                   std::int64_t offset, std::int64_t max_bytes_per_second,
                                   absl::FunctionRef<absl::Status(absl::string_view)> sink) {
  std::string bytes;
  std::size_t step = 0;
  Break broken{-1, absl::OkStatus()};
  {
    MutexLock lock(mu_);
    ESPALIER_RETURN_IF_ERROR(Enter("GetBlob"));
    const auto& blobs = repositories_[reference.repository].blobs;
    const auto found = blobs.find(blob.digest);
    if (found == blobs.end()) return absl::NotFoundError(absl::StrCat(blob.digest, " is unknown"));
    bytes = found->second;
    step = step_;
    const auto at = breaks_.find(blob.digest);
    if (at != breaks_.end()) {
      broken = at->second;
      breaks_.erase(at);
    }
  }
  if (static_cast<std::int64_t>(bytes.size()) > blob.size) {
    return absl::DataLossError("blob is longer than declared");
  }
  const std::int64_t end = broken.bytes < 0
                               ? static_cast<std::int64_t>(bytes.size())
                               : std::min<std::int64_t>(bytes.size(), offset + broken.bytes);
  for (std::int64_t at = offset; at < end;) {
    const std::int64_t count = std::min<std::int64_t>(step, end - at);
    ESPALIER_RETURN_IF_ERROR(sink(absl::string_view(bytes).substr(at, count)));
    at += count;
    MutexLock lock(mu_);
    served_bytes_ += count;
  }
  if (broken.bytes >= 0) return broken.status;
  if (end < blob.size) return absl::UnavailableError("the answer ended before the blob did");
  return absl::OkStatus();
}

absl::StatusOr<bool> FakeRegistry::HasBlob(const Reference& reference, absl::string_view digest) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("HasBlob"));
  return repositories_[reference.repository].blobs.contains(std::string(digest));
}

absl::Status FakeRegistry::PutBlob(
    const Reference& reference, const Descriptor& blob,
    absl::FunctionRef<absl::StatusOr<std::string>(std::int64_t, std::size_t)> read) {
  std::size_t step = 0;
  {
    MutexLock lock(mu_);
    ESPALIER_RETURN_IF_ERROR(Enter("PutBlob"));
    step = step_;
    if (repositories_[reference.repository].blobs.contains(blob.digest)) return absl::OkStatus();
  }
  std::string bytes;
  while (static_cast<std::int64_t>(bytes.size()) < blob.size) {
    const std::size_t wanted = std::min<std::int64_t>(step, blob.size - bytes.size());
    ESPALIER_ASSIGN_OR_RETURN(const std::string more, read(bytes.size(), wanted));
    if (more.empty()) return absl::DataLossError("the blob is shorter than it was");
    bytes += more;
  }
  if (DigestOf(bytes) != blob.digest) return absl::FailedPreconditionError("digest is wrong");
  MutexLock lock(mu_);
  repositories_[reference.repository].blobs[blob.digest] = std::move(bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::string> FakeRegistry::PutManifest(const Reference& reference,
                                                      absl::string_view media_type,
                                                      absl::string_view bytes) {
  const std::string digest = DigestOf(bytes);
  if (!reference.digest.empty() && reference.digest != digest) {
    return absl::InvalidArgumentError("manifest has another digest");
  }
  ESPALIER_ASSIGN_OR_RETURN(const Document document, ParseDocument(bytes, media_type));
  {
    MutexLock lock(mu_);
    ESPALIER_RETURN_IF_ERROR(Enter("PutManifest"));
    Repository& repository = repositories_[reference.repository];
    std::vector<std::string> needed;
    if (!document.is_index) needed.push_back(document.manifest.config.digest);
    for (const Descriptor& layer : document.manifest.layers) needed.push_back(layer.digest);
    for (const std::string& blob : needed) {
      if (!repository.blobs.contains(blob)) {
        return absl::FailedPreconditionError(absl::StrCat("blob ", blob, " is unknown"));
      }
    }
  }
  return AddManifest(reference, media_type, bytes);
}

absl::StatusOr<std::vector<std::string>> FakeRegistry::ListTags(const Reference& reference) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("ListTags"));
  const auto found = repositories_.find(reference.repository);
  if (found == repositories_.end()) return absl::NotFoundError("no such repository");
  std::vector<std::string> tags;
  for (const auto& [tag, digest] : found->second.tags) tags.push_back(tag);
  return tags;
}

absl::StatusOr<std::vector<std::string>> FakeRegistry::ListRepositories(
    const std::string& registry) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("ListRepositories"));
  std::vector<std::string> names;
  for (const auto& [name, repository] : repositories_) {
    if (!repository.manifests.empty()) names.push_back(name);
  }
  return names;
}

}  // namespace espalier::oci
