// Values from Terraform's core: what is read is written and read again as the same value.
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "provider/msgpack.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = espalier::provider::ReadMsgpack(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!value.ok()) return 0;
  const auto again = espalier::provider::ReadMsgpack(espalier::provider::WriteMsgpack(*value));
  ESPALIER_CHECK(again.ok());
  ESPALIER_CHECK(*again == *value);
  return 0;
}
