// Private data: what Terraform keeps of an object beside its state, for us alone. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace espalier::provider {

// What an import found out about the owner of the object in state. It is kept until an apply has
// settled it.
enum class Takeover {
  // It is ours.
  kNone,
  // It is nobody's.
  kAdopt,
  // It is another's, and the user has asked for it.
  kTransfer,
};

struct PrivateData {
  Takeover takeover = Takeover::kNone;
  // Of the object as it was read last: the spec that a plan goes by, and an apply changes. 0: it is
  // not known.
  std::int64_t generation = 0;

  bool operator==(const PrivateData&) const = default;
};

std::string ToText(const PrivateData& data);
// Words that are not known say nothing: a newer provider may have written them.
PrivateData PrivateDataFrom(absl::string_view text);

}  // namespace espalier::provider
