// Secrets: what the engine keeps of secrets that were given as values, told to the processes that
// use them. Local in the daemon, remote everywhere else.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/base/call_context.h"
#include "engine/model/secret.h"

namespace espalier {

// Thread-safe. Calls may block.
class Secrets {
 public:
  virtual ~Secrets() = default;

  // The value that is kept under the seal, as an object has it. Told to the engine itself, to
  // reconcilers (of their GitSources) and to agents (of RegistryCredentials); PERMISSION_DENIED for
  // everybody else, admins too. NOT_FOUND: none is kept under it, or no longer.
  // FAILED_PRECONDITION: the engine was started with another key.
  virtual absl::StatusOr<std::string> Reveal(const CallContext& context,
                                             const std::string& sealed) = 0;
};

// A process's way to kept values, for ResolveSecret: asks `secrets`, which must outlive it, as
// `caller`. A seal stands for one value for ever, so what was told once is remembered (a bounded
// number) and the engine need not be there the next time. Thread-safe.
Reveal RevealThrough(Secrets& secrets, Caller caller);

}  // namespace espalier
