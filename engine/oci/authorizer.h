// Authorizer: what goes into the Authorization header of requests to registries. Gets tokens as the
// registry asks for them and keeps them until they expire. Owned by the registry client;
// thread-safe.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"
#include "engine/oci/challenge.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

class Authorizer {
 public:
  // Borrows clock and http.
  Authorizer(Clock& clock, Http& http, CredentialSource credentials);

  // The header's value for a registry and a scope ("repository:macos/sonoma:pull"), or empty while
  // nobody has asked for one. The token is good for a while yet.
  std::string HeaderFor(const std::string& registry, const std::string& scope);

  // Does what `refusal`, a 401 of that registry, asks for; HeaderFor then has the answer.
  // UNAUTHENTICATED if it asks for what we do not have, or refuses us; UNAVAILABLE.
  absl::Status LogIn(const std::string& registry, const std::string& scope,
                     const HttpResponse& refusal);

 private:
  struct Known {
    std::string header;
    // Of Clock::Elapsed().
    absl::Duration until;
  };
  using Key = std::pair<std::string, std::string>;

  absl::StatusOr<Known> FetchToken(const std::string& registry, const std::string& scope,
                                   const Challenge& challenge);

  Clock& clock_;
  Http& http_;
  const CredentialSource credentials_;
  Mutex mu_;
  std::map<Key, Known> known_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::oci
