#include "engine/oci/sparse_writer.h"

#include <algorithm>
#include <string>

#include "engine/base/status.h"
#include "engine/oci/zeros.h"

namespace espalier::oci {
namespace {

// What is looked at as one: large enough for few calls, small enough to find most holes.
constexpr std::size_t kGrain = 64 * 1024;

}  // namespace

absl::Status SparseWriter::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const bool zero = IsZero(bytes.substr(0, kGrain));
    // The whole run of grains of one kind goes at once.
    std::size_t size = std::min(kGrain, bytes.size());
    while (size < bytes.size() && IsZero(bytes.substr(size, kGrain)) == zero) {
      size = std::min(size + kGrain, bytes.size());
    }
    const absl::string_view run = bytes.substr(0, size);
    ESPALIER_RETURN_IF_ERROR(zero ? WriteZeros(run) : file_.WriteAt(at_, run));
    at_ += static_cast<std::int64_t>(size);
    bytes.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::Status SparseWriter::WriteZeros(absl::string_view zeros) {
  if (clean_) return absl::OkStatus();
  ESPALIER_ASSIGN_OR_RETURN(const std::string there, file_.ReadAt(at_, zeros.size()));
  return IsZero(there) ? absl::OkStatus() : file_.WriteAt(at_, zeros);
}

}  // namespace espalier::oci
