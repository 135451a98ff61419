// Image references and object names: the two readers of references agree, and what is read is
// written as it was.
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/model/ref.h"
#include "engine/model/validate.h"
#include "engine/oci/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reference = espalier::oci::ParseReference(text);
  if (reference.ok()) {
    const auto again = espalier::oci::ParseReference(reference->ToString());
    ESPALIER_CHECK(again.ok());
    ESPALIER_CHECK(again->ToString() == reference->ToString());
  }
  const auto ref = espalier::ParseRef(text);
  if (ref.ok()) ESPALIER_CHECK(*espalier::ParseRef(espalier::ToString(*ref)) == *ref);
  return 0;
}
