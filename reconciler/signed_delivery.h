// Deliveries that are signed after Standard Webhooks, as GitLab does with a signing token: over an
// id and a time as well as the body, so that what somebody else has recorded is soon worth nothing.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"

namespace espalier {

struct SignedDelivery {
  std::string id;
  // As it is signed: seconds since 1970.
  std::string timestamp;
  // "v1,<base64>", also several between spaces: of the new token and of the old one.
  std::string signatures;
};

// From webhook-id, webhook-timestamp and webhook-signature. Nothing without any of them; what is
// missing, or there twice, is empty.
std::optional<SignedDelivery> FindSignedDelivery(const HttpHeaders& headers);

// Whether a secret is a signing token, "whsec_<base64>": no forge shows one, unlike the secret in
// X-Gitlab-Token.
bool IsSigningToken(absl::string_view secret);

// Whether one of the signatures is HMAC-SHA-256 over "id.timestamp.body", and the time within five
// minutes of `now`. The key is what the signing token stands for, or the bytes of another secret.
// Takes the same time whatever was right of a signature. Pure.
bool IsProven(const SignedDelivery& delivery, absl::string_view body, absl::string_view secret,
              absl::Time now);

// What was taken lately, so that nothing is taken twice. Thread-safe.
class TakenDeliveries {
 public:
  // False if `source` has taken it already. REQUIRES: it is proven.
  bool Take(absl::string_view source, const SignedDelivery& delivery, absl::Time now);

 private:
  struct Taken {
    // Nobody is believed it any more.
    absl::Time over;
    std::string digest;
  };

  Mutex mu_;
  std::deque<Taken> taken_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> digests_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
