// Values from Terraform's core: what is read is written, and read again as what writes the same
// bytes. The values themselves may differ in one way: a number beyond 64 bits is written as its
// digits, as core does, and only the schema says that they are a number.
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "provider/msgpack.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = espalier::provider::ReadMsgpack(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!value.ok()) return 0;
  const std::string written = espalier::provider::WriteMsgpack(*value);
  const auto again = espalier::provider::ReadMsgpack(written);
  ESPALIER_CHECK(again.ok());
  ESPALIER_CHECK(espalier::provider::WriteMsgpack(*again) == written);
  return 0;
}
