// Values as tests write them down and take them off the wire. Also for those that play core to a
// provider from outside.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "provider/schema.h"
#include "provider/value.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

Value Text(absl::string_view text);
Value Whole(std::int64_t number);

// An object with these attributes, and null for all others.
Value ObjectOf(const Attributes& attributes, Value::Entries entries);
// A value of the wire in the shape of the schema; fails the test if it does not fit.
Value Decoded(const Attributes& attributes, const tfplugin6::DynamicValue& wire);

}  // namespace espalier::provider
