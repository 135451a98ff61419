// What belongs to one object alone: defaults and rules of its fields, as their options say. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/model/kind.h"
#include "engine/model/problem.h"
#include "google/protobuf/message.h"

namespace espalier {

// Puts the default where a field of the spec is absent, in nested messages that are there too, and
// "default" for an absent namespace of a namespaced kind. Idempotent.
void ApplyDefaults(Resource& resource);

// Checks metadata (name, namespace, labels, policies) and the rules of every field of the spec:
// REQUIRED, min, max, pattern, exactly_one, empty collections, the form of OCI references and names
// where `ref` is given. A deprecated field that is there is a warning. `unknown`: paths whose value
// is not known yet and that count as present and valid.
void Validate(const Resource& resource, const std::vector<std::string>& unknown,
              Problems& problems);
// The same for the fields of one message, which stands at `path`, and what lies below it.
void ValidateFields(const google::protobuf::Message& message, const std::string& path,
                    const std::vector<std::string>& unknown, Problems& problems);

// Code of the warning about a deprecated field.
inline constexpr char kDeprecatedField[] = "deprecated_field";

// A name: DNS label, [a-z0-9]([a-z0-9-]*[a-z0-9])?, at most limits::kNameBytes.
bool IsValidName(absl::string_view name);
// A form like "registry.example:5000/a/b:tag" or with "@sha256:...": has a registry part and no
// upper-case repository.
bool IsImageReference(absl::string_view text);

// The nearest of `candidates` to `word`, or empty if none is near enough to be meant.
std::string Nearest(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace espalier
