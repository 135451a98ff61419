// Secrets in an object: where its spec has a SecretRef. Pure.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "engine/model/kind.h"
#include "espalier/v1/metadata.pb.h"

namespace espalier {

// Shows every SecretRef of the spec with its path, "spec.forge.token", in the order of fields.
void VisitSecrets(
    const Resource& resource,
    absl::FunctionRef<void(const std::string& path, const v1::SecretRef& secret)> visit);
// The same for somebody who changes them.
void VisitSecrets(Resource& resource,
                  absl::FunctionRef<void(const std::string& path, v1::SecretRef& secret)> visit);

}  // namespace espalier
