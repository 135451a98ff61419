// Credentials: how the agent logs in to registries. RegistryCredentials are read from the engine,
// the secrets that they name from this process's own files and environment; those that the engine
// keeps, it tells when they are needed.
#pragma once

#include <string>

#include "engine/api/resources.h"
#include "engine/api/secrets.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/model/secret.h"
#include "engine/oci/registry.h"

namespace espalier::agent {

// A source of credentials by registry host; an empty one where nobody declared any or the secret
// cannot be read (which is logged). What the engine said is believed for half a minute, and as long
// as it does not answer. Thread-safe; everything is borrowed.
oci::CredentialSource MakeCredentials(Clock& clock, Log& log, Io& io, Resources& resources,
                                      Secrets& secrets, const std::string& host,
                                      const std::string& secrets_dir, Environment environment);

}  // namespace espalier::agent
