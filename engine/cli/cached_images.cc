#include "engine/cli/cached_images.h"

#include <algorithm>

#include "engine/base/status.h"

namespace espalier::cli {
namespace {

// What was asked for, by digest: hosts only know the digest that a tag stood for. From the Images,
// and from the caches that name the same repository.
std::map<std::string, std::string> WantedReferences(const std::vector<Resource>& images,
                                                    const std::vector<Resource>& caches,
                                                    const std::vector<Resource>& hosts) {
  std::map<std::string, std::string> references;
  for (const Resource& image : images) {
    const std::string& digest = image.image().status().digest();
    if (!digest.empty()) references[digest] = image.image().spec().reference();
  }
  std::map<std::string, const Resource*> by_name;
  for (const Resource& cache : caches) by_name[cache.metadata().name()] = &cache;
  for (const Resource& host : hosts) {
    for (const auto& [digest, assigned] : host.host().status().assigned()) {
      for (const std::string& name : assigned.caches()) {
        const auto cache = by_name.find(name);
        if (cache == by_name.end()) continue;
        for (const std::string& wanted : cache->second->image_cache().spec().images()) {
          if (NameAndTag(wanted).first == NameAndTag(assigned.reference()).first) {
            references.emplace(digest, wanted);
          }
        }
      }
    }
  }
  return references;
}

}  // namespace

absl::StatusOr<CachedImages> ReadCachedImages(Invocation& invocation) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> hosts, invocation.ListKind(Kind::kHost));
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> declared,
                            invocation.ListKind(Kind::kImage));
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> caches,
                            invocation.ListKind(Kind::kImageCache));
  const std::map<std::string, std::string> wanted = WantedReferences(declared, caches, hosts);
  ESPALIER_ASSIGN_OR_RETURN(Remote * remote, invocation.Engine());
  ESPALIER_ASSIGN_OR_RETURN(const v1::GetProgressResponse progress,
                            remote->GetProgress(invocation.Context(), ""));
  CachedImages images;
  for (const Resource& host : hosts) {
    const std::string& name = host.metadata().name();
    const v1::HostStatus& status = host.host().status();
    for (const auto& [digest, held] : status.observed().images()) {
      if (held.state() != v1::HeldImage::READY) continue;
      CachedImage& image = images[digest];
      image.reference = held.reference();
      image.bytes = std::max(image.bytes, held.bytes());
      image.copies.push_back({.host = name, .state = Copy::State::kReady, .bytes = held.bytes()});
    }
    for (const auto& [digest, assigned] : status.assigned()) {
      const auto held = status.observed().images().find(digest);
      if (held != status.observed().images().end() &&
          held->second.state() == v1::HeldImage::READY) {
        continue;
      }
      CachedImage& image = images[digest];
      if (image.reference.empty()) image.reference = assigned.reference();
      Copy copy{.host = name};
      if (held != status.observed().images().end() &&
          held->second.state() == v1::HeldImage::FAILED) {
        copy.state = Copy::State::kFailed;
        copy.message = held->second.message();
      }
      if (const v1::PullProgress* pull = FindPull(progress, name, digest); pull != nullptr) {
        copy.state = Copy::State::kCaching;
        copy.pull = *pull;
      }
      image.copies.push_back(std::move(copy));
    }
  }
  for (auto& [digest, image] : images) {
    const auto reference = wanted.find(digest);
    if (reference != wanted.end()) image.reference = reference->second;
  }
  return images;
}

std::string ShortDigest(absl::string_view digest) {
  const std::size_t colon = digest.find(':');
  return std::string(digest.substr(colon == absl::string_view::npos ? 0 : colon + 1, 12));
}

std::pair<std::string, std::string> NameAndTag(absl::string_view reference) {
  reference = reference.substr(0, reference.find('@'));
  const std::size_t slash = reference.rfind('/');
  const std::size_t colon = reference.rfind(':');
  if (colon == absl::string_view::npos || (slash != absl::string_view::npos && colon < slash)) {
    return {std::string(reference), ""};
  }
  return {std::string(reference.substr(0, colon)), std::string(reference.substr(colon + 1))};
}

}  // namespace espalier::cli
