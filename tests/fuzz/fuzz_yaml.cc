// YAML of a repository: whatever it contains, the answer is objects or problems, and an object that
// was read without errors is written and read again as the same one.
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/load/load.h"
#include "engine/model/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  espalier::Problems problems;
  const espalier::SourceFile file{"fuzz.yaml",
                                  std::string(reinterpret_cast<const char*>(data), size)};
  const auto objects = espalier::LoadFile(file, problems);
  if (problems.HasErrors()) return 0;
  for (const espalier::LoadedObject& object : objects) {
    espalier::Problems again;
    const auto copies =
        espalier::LoadFile({"again.yaml", espalier::ToYaml(object->resource(), false)}, again);
    ESPALIER_CHECK(!again.HasErrors());
    ESPALIER_CHECK(copies.size() == 1);
    ESPALIER_CHECK(espalier::ToJson(copies[0]->resource(), espalier::Indent::kNone) ==
                   espalier::ToJson(object->resource(), espalier::Indent::kNone));
  }
  return 0;
}
