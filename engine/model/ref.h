// Ref: the name of an object, as a small value that orders and hashes.
#pragma once

#include <compare>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/model/kind.h"

namespace espalier {

struct Ref {
  Kind kind = kNoKind;
  // Empty for kinds of the cluster.
  std::string ns;
  std::string name;

  auto operator<=>(const Ref&) const = default;
  bool operator==(const Ref&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Ref& ref) {
    return H::combine(std::move(h), ref.kind, ref.ns, ref.name);
  }
};

// The name of an object; "default" stands in for an empty namespace of a namespaced kind.
Ref RefOf(const Resource& resource);

// "vm/ci/build", "host/mac-01". ParseRef reads the same ("vm/build" is in namespace default).
std::string ToString(const Ref& ref);
// INVALID_ARGUMENT naming what is wrong: no such kind (with the nearest), too many parts, bad name.
absl::StatusOr<Ref> ParseRef(absl::string_view text);

v1::Ref ToProto(const Ref& ref);
// INVALID_ARGUMENT if the kind is not known.
absl::StatusOr<Ref> FromProto(const v1::Ref& ref);

// "vm ci/build", as in tables and messages for people.
std::string ToHuman(const Ref& ref);

}  // namespace espalier
