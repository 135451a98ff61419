// What differs between two specs, field by field, and what it forces. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/model/kind.h"
#include "espalier/v1/plan.pb.h"

namespace espalier {

using FieldChange = v1::FieldChange;

// What a change shows in place of a secret, and of the seal of one.
inline constexpr char kSecretChange[] = "\"(secret)\"";

// Changes of labels, annotations and spec from `before` to `after`, sorted by path, in JSON forms
// (see FieldChange). Both have defaults applied. A change below an IMMUTABLE field has
// forces_replace, except inside a template or any other message field that is not itself
// the kind's spec: there IMMUTABLE means "rolls members"; and except another spelling of the image
// whose digest the status of `before` has (pinned_by). `unknown`: paths that will change to a
// value not known yet, whatever `after` says.
std::vector<FieldChange> Diff(const Resource& before, const Resource& after,
                              const std::vector<std::string>& unknown = {});

// SHA-256 (hex) of labels, annotations and spec in their canonical JSON.
std::string SpecHash(const Resource& resource);

}  // namespace espalier
