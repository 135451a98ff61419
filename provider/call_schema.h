// What configurations say without the model: schemas of ephemeral resources and actions, which no
// kind stands behind, and the durations and names in them. Pure.
#pragma once

#include <optional>
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
// What durations are that a configuration gives. abseil reads "inf" as well, but what is never over
// holds for ever what ends with it: a hold, a call. No run of Terraform takes a week.
inline constexpr absl::Duration kLongestDuration = absl::Hours(168);
inline constexpr char kDurationText[] = "a duration like \"90s\" or \"1h30m\", at most \"168h\"";
// None if the text is none of these.
std::optional<absl::Duration> ReadDuration(absl::string_view text);
// Whether it is known and none of these.
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
