// SparseWriter: writes a stretch of a disk in order and leaves its zeros as holes. One thread.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/base/io.h"

namespace espalier::oci {

class SparseWriter {
 public:
  // `clean`: nothing but holes lies there yet. Otherwise zeros are written where something lies.
  SparseWriter(File& file, std::int64_t offset, bool clean)
      : file_(file), at_(offset), clean_(clean) {}

  absl::Status Write(absl::string_view bytes);

 private:
  absl::Status WriteZeros(absl::string_view zeros);

  File& file_;
  std::int64_t at_;
  const bool clean_;
};

}  // namespace espalier::oci
