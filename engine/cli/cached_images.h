// What the disks of the Macs hold and are told to hold, image by image: Images, caches and hosts
// know a part of it each. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/cli/invocation.h"

namespace espalier::cli {

// An image on a host: held, being pulled, or asked for and not begun.
struct Copy {
  enum class State { kCaching, kReady, kFailed };
  std::string host;
  State state = State::kCaching;
  std::int64_t bytes = 0;
  // Why it failed.
  std::string message;
  // How far it is, while it is being pulled.
  std::optional<v1::PullProgress> pull;
};

struct CachedImage {
  std::string reference;
  // On disk, of the largest copy.
  std::int64_t bytes = 0;
  std::vector<Copy> copies;
};

// Keyed by digest.
using CachedImages = std::map<std::string, CachedImage>;
absl::StatusOr<CachedImages> ReadCachedImages(Invocation& invocation);

// The first characters of a digest, without its algorithm.
std::string ShortDigest(absl::string_view digest);
// "registry/name" and "tag" of a reference that may carry a digest.
std::pair<std::string, std::string> NameAndTag(absl::string_view reference);

}  // namespace espalier::cli
