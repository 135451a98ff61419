// WWW-Authenticate of a registry.
#include <cstddef>
#include <cstdint>

#include "engine/oci/challenge.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)espalier::oci::ParseChallenges(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
