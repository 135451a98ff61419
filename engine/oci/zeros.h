// Whether bytes are all zero: such blocks of a disk become holes. Pure; any thread.
#pragma once

#include <cstring>

#include "absl/strings/string_view.h"

namespace espalier::oci {

inline bool IsZero(absl::string_view bytes) {
  // Compares the bytes with themselves, one further: memcmp is many times faster than a loop.
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace espalier::oci
