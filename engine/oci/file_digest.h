// The digest of bytes that lie in a file. Any thread; reads the file.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/io.h"

namespace espalier::oci {

// "sha256:..." of `size` bytes at `offset`. DATA_LOSS if the file ends before.
absl::StatusOr<std::string> DigestOfFile(File& file, std::int64_t offset, std::int64_t size);

}  // namespace espalier::oci
