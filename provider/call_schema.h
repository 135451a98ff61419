// What configurations say without the model: schemas of ephemeral resources and actions, which no
// kind stands behind, and the durations and names in them. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "engine/model/ref.h"
#include "provider/diagnostic.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

inline constexpr char kTimeout[] = "timeout";

// How long it may take; `fallback` stands in the description.
Attribute TimeoutAttribute(absl::string_view fallback);

// "\"Mac 1\" is no name: ...", without a period.
std::string NoName(absl::string_view text);
// Whether it is known and no positive duration.
bool IsNoDuration(const Value& config, absl::string_view name);
// Says so at `name`.
void CheckDuration(const Value& config, absl::string_view name, Diagnostics& diagnostics);
// The same for names of objects.
void CheckName(const Value& config, absl::string_view name, Diagnostics& diagnostics);
// Says at `name` if a number that is known is not whole or outside the range.
void CheckRange(const Value& config, absl::string_view name, std::int64_t smallest,
                std::int64_t largest, Diagnostics& diagnostics);

// REQUIRES: the configuration was checked and is known, here and below.
absl::Duration DurationOf(const Value& config, absl::string_view name, absl::Duration fallback);
std::int64_t WholeOf(const Value& config, absl::string_view name, std::int64_t fallback);
// The object of that kind that `name` and `namespace` say.
Ref RefFor(Kind kind, const Value& config, const Value& default_namespace);

}  // namespace espalier::provider
