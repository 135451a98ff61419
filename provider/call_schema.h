// What ephemeral resources and actions have in common: a schema that no kind of the model stands
// behind, and checks of what configurations say there. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "engine/model/ref.h"
#include "provider/diagnostic.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

inline constexpr char kTimeout[] = "timeout";

Attribute TextAttribute(absl::string_view name, Attribute::Use use, absl::string_view description);
Attribute NumberAttribute(absl::string_view name, Attribute::Use use,
                          absl::string_view description);
// How long it may take; `fallback` stands in the description.
Attribute TimeoutAttribute(absl::string_view fallback);
// REQUIRES: no two have one name.
Attributes SortedByName(Attributes attributes);

// Says at `name` if a text that is known is no positive duration.
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
