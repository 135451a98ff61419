#include "engine/control/image_source.h"

#include <utility>

#include "engine/base/status.h"

namespace espalier::control {

ImageSource MakeImageSource(oci::Registry& registry) {
  return [&registry](const std::string& text) -> absl::StatusOr<ResolvedImage> {
    ESPALIER_ASSIGN_OR_RETURN(const oci::Reference reference, oci::ParseReference(text));
    ESPALIER_ASSIGN_OR_RETURN(oci::ImageFacts facts, oci::Resolve(registry, reference));
    return ResolvedImage{.digest = std::move(facts.digest),
                         .os = std::move(facts.os),
                         .arch = std::move(facts.arch),
                         .compressed_bytes = facts.compressed_bytes,
                         .disk_bytes = facts.disk_bytes};
  };
}

}  // namespace espalier::control
