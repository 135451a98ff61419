// Path: where a value stands in a resource of Terraform. A value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace espalier::provider {

// One step down. Built by the functions below.
struct Step {
  enum class Kind { kAttribute, kKey, kIndex };
  Kind kind = Kind::kAttribute;
  // Name of the attribute, or key of the map.
  std::string text;
  // Place in the list.
  std::int64_t index = 0;

  bool operator==(const Step&) const = default;
};
Step AttributeStep(absl::string_view name);
Step KeyStep(absl::string_view key);
Step IndexStep(std::int64_t index);
using Path = std::vector<Step>;

// The attribute that a path of the model stands for: "spec.ports[http].guest" is ports, key http,
// guest; "metadata.labels[team]" is labels, key team. Spec and metadata lie at the top level in
// Terraform. Empty for paths of nothing that Terraform shows.
Path PathOfModel(absl::string_view model_path);

// "ports["http"].guest", as Terraform writes it, for messages.
std::string ToString(const Path& path);

}  // namespace espalier::provider
