#include "engine/oci/file_digest.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"

namespace espalier::oci {

absl::StatusOr<std::string> DigestOfFile(File& file, std::int64_t offset, std::int64_t size) {
  constexpr std::int64_t kStep = 1024 * 1024;
  Sha256 hash;
  for (std::int64_t at = 0; at < size;) {
    const std::size_t count = std::min(kStep, size - at);
    ESPALIER_ASSIGN_OR_RETURN(const std::string bytes, file.ReadAt(offset + at, count));
    if (bytes.size() != count) return absl::DataLossError("file is shorter than expected");
    hash.Update(bytes);
    at += static_cast<std::int64_t>(count);
  }
  return absl::StrCat("sha256:", hash.FinishHex());
}

}  // namespace espalier::oci
