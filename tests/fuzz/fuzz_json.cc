// JSON of the REST interface.
#include <cstddef>
#include <cstdint>

#include "engine/model/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  espalier::Problems problems;
  const auto node = espalier::ParseJson(
      absl::string_view(reinterpret_cast<const char*>(data), size), "fuzz.json", problems);
  if (node.has_value()) (void)espalier::Decode(*node, "fuzz.json", problems);
  return 0;
}
