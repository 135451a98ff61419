// GithubApp: the credentials of a GitHub App for one repository. It proves itself with a signature
// and gets tokens that live an hour and open nothing but this repository; git takes them as
// password, too. Thread-safe; owned by whoever makes the forge, shared with what fetches.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"
#include "engine/base/url.h"
#include "reconciler/forge/access_token.h"
#include "reconciler/forge/forge_api.h"

namespace espalier::forge {

struct GithubAppOptions {
  Url base;
  // "acme" and "fleet".
  std::string owner;
  std::string name;
  // The App's id, or its client id.
  std::string app_id;
  HttpRoute route;
};

// What an App says of itself: a JSON Web Token (RS256) that is good for some minutes around `now`.
// INVALID_ARGUMENT: `private_key` is no RSA key in PEM.
absl::StatusOr<std::string> SignAppToken(const std::string& app_id, absl::string_view private_key,
                                         absl::Time now);

class GithubApp final : public AccessToken {
 public:
  // `private_key` reads the PEM, anew for each signature. Borrowed: clock and http.
  GithubApp(Clock& clock, Http& http, SecretToken::Read private_key, GithubAppOptions options);

  // A token of the App's installation in the repository, kept until shortly before its end.
  // NOT_FOUND: the App is not installed there; UNAUTHENTICATED: GitHub does not know the key.
  absl::StatusOr<std::string> Get() override;
  void Refused(const std::string& token) override;

  // The name that it writes under: "espalier[bot]". Asked for once.
  absl::StatusOr<std::string> Login();

  // The user name that goes with a token when git logs in.
  static constexpr char kGitUsername[] = "x-access-token";

 private:
  const GithubAppOptions options_;
  Clock& clock_;
  SecretToken signed_;
  ForgeApi api_;
  Mutex mu_;
  std::string token_ ABSL_GUARDED_BY(mu_);
  absl::Time expires_ ABSL_GUARDED_BY(mu_);
  std::string login_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::forge
