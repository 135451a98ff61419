// Write-only attributes: secrets that a configuration gives and that no plan and no state ever
// holds. Beside each stands its version, "value_wo_version": a new one gives the secret again.
// Pure.
//
// The engine answers a secret with a seal ("sealed"), which is the same as long as the secret is.
// State keeps it, so that somebody else's change of a secret is seen like any other.
#pragma once

#include <string>

#include "engine/model/problem.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// What is configured of write-only attributes and cannot be so. `allowed`: core keeps them out of
// state; an older one does not.
void ValidateWriteOnly(const Attributes& attributes, const Value& config, bool allowed,
                       Problems& problems);

// The configured object as a plan may hold it: no secrets; seals that stay what they are, or are
// known only once the engine has answered.
Value WithoutSecrets(const Attributes& attributes, const Value& prior, const Value& config);

// The planned object as the engine gets it: with those secrets of the configuration whose version
// is new. REQUIRES: `config` is what was planned, or has no secrets.
Value WithSecrets(const Attributes& attributes, const Value& prior, const Value& planned,
                  const Value& config);

// What the engine answered as state: with the versions of `ours`, as far as the secrets are ours.
Value WithVersions(const Attributes& attributes, const Value& answered, const Value& ours);

// Whether there is a write-only attribute somewhere.
bool HaveSecrets(const Attributes& attributes);

}  // namespace espalier::provider
