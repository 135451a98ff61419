// Small blobs, whole in memory and verified. Any thread; calls block.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

// The blob's bytes. DATA_LOSS if they do not have its digest or size; RESOURCE_EXHAUSTED above
// limits::kRegistryAnswerBytes; and what Registry::GetBlob returns.
absl::StatusOr<std::string> FetchBlob(Registry& registry, const Reference& reference,
                                      const Descriptor& blob);

// Stores `bytes` as a blob. Its descriptor.
absl::StatusOr<Descriptor> StoreBlob(Registry& registry, const Reference& reference,
                                     absl::string_view media_type, absl::string_view bytes);

}  // namespace espalier::oci
