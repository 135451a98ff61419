#include "engine/oci/blob.h"

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/digest.h"

namespace espalier::oci {

absl::StatusOr<std::string> FetchBlob(Registry& registry, const Reference& reference,
                                      const Descriptor& blob) {
  if (blob.size > static_cast<std::int64_t>(limits::kRegistryAnswerBytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("blob ", blob.digest, " has ", blob.size, " bytes, too many to be read here"));
  }
  std::string bytes;
  ESPALIER_RETURN_IF_ERROR(
      registry.GetBlob(reference, blob, 0, 0, [&](absl::string_view more) -> absl::Status {
        absl::StrAppend(&bytes, more);
        return absl::OkStatus();
      }));
  if (static_cast<std::int64_t>(bytes.size()) != blob.size || DigestOf(bytes) != blob.digest) {
    return absl::DataLossError(absl::StrCat("blob ", blob.digest, ": the bytes are others"));
  }
  return bytes;
}

absl::StatusOr<Descriptor> StoreBlob(Registry& registry, const Reference& reference,
                                     absl::string_view media_type, absl::string_view bytes) {
  Descriptor blob;
  blob.media_type = std::string(media_type);
  blob.digest = DigestOf(bytes);
  blob.size = bytes.size();
  ESPALIER_RETURN_IF_ERROR(registry.PutBlob(
      reference, blob, [&](std::int64_t offset, std::size_t size) -> absl::StatusOr<std::string> {
        return std::string(bytes.substr(offset, size));
      }));
  return blob;
}

}  // namespace espalier::oci
