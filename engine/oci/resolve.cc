#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/blob.h"
#include "engine/oci/documents.h"
#include "engine/oci/image_layout.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

absl::StatusOr<ImageFacts> Resolve(Registry& registry, const Reference& reference) {
  ESPALIER_ASSIGN_OR_RETURN(const Manifest manifest, registry.GetManifest(reference, ""));
  ImageFacts facts;
  facts.digest = manifest.digest;
  for (const Descriptor& layer : manifest.layers) facts.compressed_bytes += layer.size;
  // Whether an agent could use it is known here and now, not when the first VM waits for it.
  ESPALIER_ASSIGN_OR_RETURN(const ImageLayout layout, ReadLayout(manifest));
  facts.disk_bytes = layout.disk_bytes;
  ESPALIER_ASSIGN_OR_RETURN(const std::string bytes, FetchBlob(registry, reference, layout.config));
  ESPALIER_ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(bytes));
  if (config.os.empty() || config.arch.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        reference.ToString(), ": its config names no operating system and architecture"));
  }
  facts.os = config.os;
  facts.arch = config.arch;
  return facts;
}

}  // namespace espalier::oci
