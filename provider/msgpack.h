// The MessagePack form of values, as Terraform's core writes and reads it: numbers that int64 and
// double cannot hold exactly are decimal strings, unknown values are extensions. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/value.h"

namespace espalier::provider {

// Reads one value. Numbers come as numbers or, where core wrote them as text, as strings: only the
// schema can tell those from strings, so its reader does (see Conform in schema.h). Memory stays in
// proportion to `bytes`. INVALID_ARGUMENT, naming the offset: truncated or trailing bytes, invalid
// UTF-8, keys that are no strings or come twice, nesting beyond kMaxDepth, infinity.
absl::StatusOr<Value> ReadMsgpack(absl::string_view bytes);

// What is known of an unknown value is left out where core would not take it: numbers that came as
// eight bytes may have hundreds of digits.
std::string WriteMsgpack(const Value& value);

// What is said of an unknown value takes at most that much; core's own bound.
inline constexpr std::size_t kMaxRefinementBytes = 1024;

// Deeper than any schema of ours; keeps hostile input from exhausting the stack.
inline constexpr int kMaxDepth = 64;

}  // namespace espalier::provider
