// What registries answer: manifests, configs, tokens, lists.
#include <cstddef>
#include <cstdint>

#include "engine/oci/documents.h"
#include "engine/oci/image_layout.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const char* type : {"application/vnd.oci.image.manifest.v1+json",
                           "application/vnd.oci.image.index.v1+json", ""}) {
    const auto document = espalier::oci::ParseDocument(bytes, type);
    if (document.ok()) (void)espalier::oci::ReadLayout(document->manifest);
  }
  (void)espalier::oci::ParseImageConfig(bytes);
  (void)espalier::oci::ParseToken(bytes);
  return 0;
}
