// State files of Terraform: whatever lies in one is refused or read as an object of the schema,
// which goes to core and back unchanged, can be planned, and has a configuration. The input is a
// type's name, a line feed, and the JSON.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "provider/conform.h"
#include "provider/generate.h"
#include "provider/identity.h"
#include "provider/msgpack.h"
#include "provider/plan.h"

namespace espalier::provider {
namespace {

Value ThroughCore(const Attributes& attributes, const Value& value) {
  const auto read = ReadMsgpack(WriteMsgpack(value));
  ESPALIER_CHECK(read.ok());
  auto conforming = Conform(attributes, *read, Strictness::kExact);
  ESPALIER_CHECK(conforming.ok());
  return *std::move(conforming);
}

void Run(absl::string_view input) {
  static const Schemas& schemas = *new Schemas();
  const std::size_t end = input.find('\n');
  if (end == absl::string_view::npos) return;
  const Schema* schema = schemas.FindResource(absl::StrCat("espalier_", input.substr(0, end)));
  if (schema == nullptr) return;
  const auto state = ReadStateJson(schema->attributes, input.substr(end + 1));
  if (!state.ok() || state->is_null()) return;
  ESPALIER_CHECK(state->IsWhollyKnown());
  ESPALIER_CHECK(ThroughCore(schema->attributes, *state) == *state);
  ThroughCore(schema->identity, IdentityOf(*schema, *state));
  const Value config = ThroughCore(schema->attributes, GenerateConfig(*schema, *state));
  Problems problems;
  ValidateConfig(*schema, config, problems);
  const Change change =
      PlanChange(*schema, *state, config, Value::String("default"), Takeover::kNone, problems);
  const auto planned = ReadMsgpack(WriteMsgpack(change.planned));
  ESPALIER_CHECK(planned.ok());
  ESPALIER_CHECK(Conform(schema->attributes, *planned, Strictness::kExact).ok());
}

}  // namespace
}  // namespace espalier::provider

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  espalier::provider::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
