// FieldGlob: a pattern over the paths of an object's fields, "spec.ports[*].guest", in which "*"
// stands for one part. Matching is linear in the path: there are no expressions in it. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/model/kind.h"

namespace espalier {

struct FieldGlob {
  struct Part {
    std::string name;
    // In brackets: the key of an entry.
    bool is_key = false;
    bool is_any = false;
  };
  std::vector<Part> parts;
};

// INVALID_ARGUMENT saying what is wrong with the text. Whether a kind has such fields is not asked.
absl::StatusOr<FieldGlob> ParseFieldGlob(absl::string_view text);

// Why the kind has no field that the pattern names; empty if it has. Lists are one value: nothing
// names one of their items.
std::string WhyNoSuchField(const FieldGlob& glob, const KindInfo& kind);

// Puts what `from` has into `to` where the patterns say so: whole fields, and what lies below them.
// An entry or message that only one of the two has comes or goes as `to` says. REQUIRES: both are
// of one kind.
void KeepFields(const std::vector<FieldGlob>& globs, const Resource& from, Resource& to);

}  // namespace espalier
