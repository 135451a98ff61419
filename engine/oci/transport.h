// Transport: one request to a registry with everything around it: login, redirects, and tries when
// the registry is busy. Owned by the registry client; thread-safe; calls block.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/random.h"
#include "engine/oci/authorizer.h"
#include "engine/oci/url.h"

namespace espalier::oci {

// Which registry, and what for.
struct Target {
  std::string registry;
  // "repository:macos/sonoma:pull".
  std::string scope;
};

class Transport {
 public:
  // Makes the request anew for each try: bodies cannot be sent twice.
  using Make = absl::FunctionRef<absl::StatusOr<HttpRequest>()>;
  using Send = absl::FunctionRef<absl::StatusOr<HttpResponse>(HttpRequest)>;

  // Borrows all but the credentials.
  Transport(Clock& clock, Random& random, Http& http, CredentialSource credentials,
            const Cancellation* stop);

  // One request, with one login if it is asked for. GET and HEAD follow redirects; Authorization
  // goes to the registry's own origin only. Any other status is an answer. PERMISSION_DENIED: a
  // redirect leads where it may not.
  absl::StatusOr<HttpResponse> Once(const Target& target, Make make, Send send);

  // The same through Http::Fetch, repeated while the registry is busy or away; then its last
  // answer.
  absl::StatusOr<HttpResponse> Fetch(const Target& target, Make make);

  // Waits before the next of `tries_so_far` tries, as long as `response` (may be null) asks. `tick`
  // is called about once a second and ends the wait with its status.
  absl::Status Wait(int tries_so_far, const HttpResponse* response,
                    absl::FunctionRef<absl::Status()> tick);

  Http& http() { return http_; }

 private:
  absl::StatusOr<HttpResponse> FollowRedirects(const Target& target, Make make, Send send);

  Clock& clock_;
  Random& random_;
  Http& http_;
  const Cancellation* const stop_;
  Authorizer authorizer_;
};

// Whether trying again may help.
bool IsTransient(const absl::Status& status);
// What an answer other than 2xx means, with what the registry says about it.
absl::Status StatusOfAnswer(const HttpResponse& response, absl::string_view doing);

}  // namespace espalier::oci
