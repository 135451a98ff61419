// Reference: the name of an image in a registry, taken apart. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::oci {

// "registry.example:5000/macos/sonoma:14.6" taken apart. Exactly one of tag and digest may be
// empty; with neither given the tag is "latest".
struct Reference {
  std::string registry;
  std::string repository;
  std::string tag;
  std::string digest;

  // With the digest if there is one, else with the tag.
  std::string ToString() const;
  Reference WithDigest(absl::string_view new_digest) const;
};
// INVALID_ARGUMENT naming what is wrong. No registry is implied: "ubuntu:24.04" is refused.
absl::StatusOr<Reference> ParseReference(absl::string_view text);

}  // namespace espalier::oci
