// RegistryLogin: how the engine logs in to registries: the RegistryCredential object of that
// registry, its secret resolved in this process. Thread-safe.
#pragma once

#include <string>

#include "engine/api/resources.h"
#include "engine/api/secrets.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/model/secret.h"
#include "engine/oci/registry.h"

namespace espalier {

// The source for oci::MakeRegistry. Everything borrowed must outlive it. Without a credential, or
// when its secret cannot be resolved (which is logged), the registry is asked anonymously.
oci::CredentialSource MakeRegistryLogin(Resources& resources, Secrets& secrets, Io& io, Log& log,
                                        std::string secrets_dir, Environment environment);

}  // namespace espalier
