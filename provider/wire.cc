#include "provider/wire.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/conform.h"
#include "provider/identity.h"
#include "provider/msgpack.h"

namespace espalier::provider {

std::optional<Value> Decode(const Attributes& attributes, const tfplugin6::DynamicValue& wire,
                            Diagnostics& diagnostics) {
  absl::StatusOr<Value> value = Value();
  if (!wire.msgpack().empty()) {
    value = ReadMsgpack(wire.msgpack());
    if (value.ok()) value = Conform(attributes, *std::move(value), Strictness::kExact);
  } else if (!wire.json().empty()) {
    value = ReadStateJson(attributes, wire.json());
  }
  if (value.ok()) return *std::move(value);
  diagnostics.Error(
      "Terraform sent a value that does not fit the schema",
      absl::StrCat(value.status().message(),
                   "\n\nProvider and Terraform disagree about the schema; this is a bug."));
  return std::nullopt;
}

void Encode(const Value& value, tfplugin6::DynamicValue& wire) {
  wire.set_msgpack(WriteMsgpack(value));
}

bool IsNull(const tfplugin6::DynamicValue& wire) {
  constexpr absl::string_view kNull = "\xc0";
  return wire.msgpack().empty() ? wire.json().empty() || wire.json() == "null"
                                : wire.msgpack() == kNull;
}

void EncodeIdentity(const Schema& schema, const Value& object,
                    tfplugin6::ResourceIdentityData& wire) {
  Encode(IdentityOf(schema, object), *wire.mutable_identity_data());
}

const Schema* Required(const Schema* schema, const std::string& type_name,
                       Diagnostics& diagnostics) {
  if (schema == nullptr) {
    diagnostics.Error("Unknown type", absl::StrCat("This provider has no ", type_name, "."));
  }
  return schema;
}

}  // namespace espalier::provider
