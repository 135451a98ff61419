// The JSON documents of registries, read strictly and written canonically. Input of any kind is
// answered with a status: FAILED_PRECONDITION naming what is wrong. Pure; any thread. The only file
// of this folder that knows the JSON library.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

inline constexpr char kManifestType[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char kIndexType[] = "application/vnd.oci.image.index.v1+json";
inline constexpr char kDockerManifestType[] =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr char kDockerListType[] =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr char kConfigType[] = "application/vnd.oci.image.config.v1+json";

// One entry of an index.
struct IndexEntry {
  Descriptor descriptor;
  std::string os;
  std::string arch;
};

// What a manifest URL answered: an image, or an index of images.
struct Document {
  bool is_index = false;
  Manifest manifest;
  std::vector<IndexEntry> entries;
};

// `content_type` is what the registry says; a document that says something else of itself, or that
// is both kinds at once, is refused: two readers could see two images in it.
absl::StatusOr<Document> ParseDocument(absl::string_view bytes, absl::string_view content_type);

// The manifest as JSON bytes; equal manifests give equal bytes. `digest` and `bytes` are not read.
std::string WriteManifest(const Manifest& manifest);

// What is read of an OCI image config or of Tart's VM config.
struct ImageConfig {
  std::string os;
  std::string arch;
};
absl::StatusOr<ImageConfig> ParseImageConfig(absl::string_view bytes);

// An OCI image config, as skopeo and others read it; `diff_ids` are the layers' plain digests.
std::string WriteImageConfig(const std::string& os, const std::string& arch,
                             const std::vector<std::string>& diff_ids);
// Tart's VM config, with what a VM needs at least.
std::string WriteTartConfig(const std::string& os, const std::string& arch, int cpu,
                            std::int64_t memory_mib);

struct Token {
  std::string value;
  std::int64_t expires_in_seconds = 60;
};
absl::StatusOr<Token> ParseToken(absl::string_view bytes);

// The list of strings that stands under `key`: tags, or repositories.
absl::StatusOr<std::vector<std::string>> ParseNames(absl::string_view bytes, absl::string_view key);

// What an answer that is an error says to people: "manifest unknown". Empty if it is no document of
// errors. Not escaped.
std::string ErrorTextOf(absl::string_view bytes);

}  // namespace espalier::oci
