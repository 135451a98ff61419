// Values from Terraform's core in the shape of a schema: whatever the bytes are, in either form of
// a DynamicValue, they are one error, or a value that can be validated and planned and is the same
// on the wire again once it was read from there. The input is where core sends it ("resource
// espalier_vm"), a line feed, and the bytes, which are tried as MessagePack and as JSON.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "provider/actions.h"
#include "provider/ephemerals.h"
#include "provider/functions.h"
#include "provider/msgpack.h"
#include "provider/plan.h"
#include "provider/selection.h"
#include "provider/settings.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

using tfplugin6::DynamicValue;

void CheckWritten(const Attributes& attributes, const Value& value) {
  DynamicValue written;
  Encode(value, written);
  Diagnostics diagnostics;
  const std::optional<Value> again = Decode(attributes, written, diagnostics);
  ESPALIER_CHECK(again.has_value());
  DynamicValue rewritten;
  Encode(*again, rewritten);
  ESPALIER_CHECK(rewritten.msgpack() == written.msgpack());
}

// The value, or none and why not in one error.
std::optional<Value> Read(const Attributes& attributes, const DynamicValue& wire) {
  Diagnostics diagnostics;
  std::optional<Value> value = Decode(attributes, wire, diagnostics);
  ESPALIER_CHECK(diagnostics.list().size() == (value ? 0 : 1));
  ESPALIER_CHECK(diagnostics.HasErrors() == !value);
  if (value) CheckWritten(attributes, *value);
  return value;
}

void CheckPlan(const Schema& schema, const Value& prior, const Value& config) {
  Problems problems;
  const Change change =
      PlanChange(schema, prior, config, Value::Unknown(), Takeover::kNone, problems);
  CheckWritten(schema.attributes, change.planned);
}

void TryResource(const Schema& schema, const DynamicValue& wire) {
  const std::optional<Value> value = Read(schema.attributes, wire);
  if (!value) return;
  Problems problems;
  ValidateConfig(schema, *value, problems);
  CheckPlan(schema, Value(), *value);
  CheckPlan(schema, *value, *value);
}

void TrySelection(const Schema& schema, const DynamicValue& wire) {
  const std::optional<Value> value = Read(schema.attributes, wire);
  if (!value) return;
  Problems problems;
  ValidateSelection(schema, *value, problems);
  if (value->IsWhollyKnown()) QueryFor(schema, *value);
}

template <typename Type>
void TryCall(const Type& type, const DynamicValue& wire) {
  const std::optional<Value> value = Read(type.schema.attributes, wire);
  if (!value || !value->is_known()) return;
  Diagnostics diagnostics;
  type.validate(*value, diagnostics);
}

void TryProvider(const Schemas& schemas, const DynamicValue& wire) {
  const std::optional<Value> value = Read(schemas.provider(), wire);
  if (!value) return;
  Diagnostics diagnostics;
  ReadSettings(
      *value, [](const std::string&) { return std::optional<std::string>(); }, diagnostics);
}

// Arguments have no schema: the bytes are a list of them.
void TryFunction(const std::string& name, const DynamicValue& wire) {
  const auto list = ReadMsgpack(wire.msgpack());
  if (!list.ok() || list->as_list() == nullptr) return;
  const FunctionAnswer answer = CallFunction(name, *list->as_list());
  ESPALIER_CHECK(answer.error.empty() || answer.result.is_null());
  ESPALIER_CHECK(!answer.argument || !answer.error.empty());
  ESPALIER_CHECK(ReadMsgpack(WriteMsgpack(answer.result)).ok());
}

void Try(const std::string& call, const std::string& name, const DynamicValue& wire) {
  static const Schemas& schemas = *new Schemas();
  if (call == "provider") return TryProvider(schemas, wire);
  if (call == "function") return TryFunction(name, wire);
  if (const Schema* schema = schemas.FindResource(name); schema != nullptr) {
    if (call == "resource") TryResource(*schema, wire);
    if (call == "identity") Read(schema->identity, wire);
    if (call == "data") Read(schemas.FindDataSource(name)->attributes, wire);
    if (call == "list") TrySelection(*schemas.FindList(name), wire);
  }
  if (const Schema* schema = schemas.FindPluralDataSource(name); schema && call == "data") {
    TrySelection(*schema, wire);
  }
  if (const EphemeralType* type = FindEphemeralType(name); type && call == "ephemeral") {
    TryCall(*type, wire);
  }
  if (const ActionType* type = FindActionType(name); type && call == "action") {
    TryCall(*type, wire);
  }
}

void Run(absl::string_view input) {
  const std::size_t end = input.find('\n');
  if (end == absl::string_view::npos) return;
  const std::pair<std::string, std::string> place =
      absl::StrSplit(input.substr(0, end), absl::MaxSplits(' ', 1));
  const std::string bytes(input.substr(end + 1));
  DynamicValue msgpack;
  msgpack.set_msgpack(bytes);
  Try(place.first, place.second, msgpack);
  DynamicValue json;
  json.set_json(bytes);
  Try(place.first, place.second, json);
}

}  // namespace
}  // namespace espalier::provider

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  espalier::provider::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
