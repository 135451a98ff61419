#include "provider/testing/values.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/status/statusor.h"
#include "provider/conform.h"
#include "provider/msgpack.h"

namespace espalier::provider {

Value Text(absl::string_view text) { return Value::String(text); }
Value Whole(std::int64_t number) { return Value::Of(Number::Of(number)); }

Value ObjectOf(const Attributes& attributes, Value::Entries entries) {
  return *Conform(attributes, Value::Map(std::move(entries)), Strictness::kLenient);
}

Value Decoded(const Attributes& attributes, const tfplugin6::DynamicValue& wire) {
  const absl::StatusOr<Value> value = ReadMsgpack(wire.msgpack());
  EXPECT_TRUE(value.ok()) << value.status();
  if (!value.ok()) return Value();
  const absl::StatusOr<Value> conforming = Conform(attributes, *value, Strictness::kExact);
  EXPECT_TRUE(conforming.ok()) << conforming.status();
  return conforming.value_or(Value());
}

}  // namespace espalier::provider
