// ForgeMaker: from what a GitSource says of its forge to a client of it. Owned by main;
// thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/io.h"
#include "engine/base/mutex.h"
#include "engine/base/url.h"
#include "engine/model/secret.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/forge/access_token.h"
#include "reconciler/forge/forge.h"
#include "reconciler/forge/github_app.h"
#include "reconciler/forge/observed_http.h"
#include "reconciler/forge/pace.h"

namespace espalier {

// Where a forge is.
struct ForgePlace {
  // Of its API, without a slash at the end.
  Url base;
  // "acme" and "fleet"; GitLab's groups may be nested: "acme/macs" and "fleet".
  std::string owner;
  std::string name;
};

// What the spec says, and what its repository's URL says where it does not. INVALID_ARGUMENT: there
// is no forge in it, the two do not tell where it is, or the token would be sent in the clear.
absl::StatusOr<ForgePlace> FindForge(const v1::GitSourceSpec& spec);

class ForgeMaker {
 public:
  // How secrets are found; see ResolveSecret.
  struct Secrets {
    std::string dir;
    Environment env;
    Reveal reveal;
  };
  // Told of each answer of a forge; thread-safe.
  using See =
      std::function<void(v1::Forge::Type forge, const absl::StatusOr<HttpResponse>& answer)>;
  // Borrowed: clock, io and http, which must outlive what is made. `see` may be null.
  ForgeMaker(Clock& clock, Io& io, Http& http, Secrets secrets, See see = nullptr);

  // A client of the source's forge. Its token is read anew for each request, so that a secret may
  // be exchanged under it; all else is as it is now. Forges with the same credentials share one
  // pace. Errors as FindForge, and of a proxy's or certificate's secret as ResolveSecret.
  // REQUIRES: the maker outlives it.
  absl::StatusOr<std::unique_ptr<Forge>> Make(const v1::GitSourceSpec& spec);

  // The source's GitHub App, whose tokens are git's password (with GithubApp::kGitUsername), shared
  // with the clients of the same source. Null: it has none. Errors as Make.
  absl::StatusOr<std::shared_ptr<AccessToken>> GitToken(const v1::GitSourceSpec& spec);

 private:
  Http& HttpOf(v1::Forge::Type forge);
  absl::StatusOr<std::string> Read(const v1::SecretRef& ref) const;
  absl::StatusOr<HttpRoute> RouteOf(const v1::GitSourceSpec& spec) const;
  std::shared_ptr<forge::Pace> PaceOf(const ForgePlace& place, const v1::Forge& forge)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::shared_ptr<forge::GithubApp>> AppOf(const ForgePlace& place,
                                                          const v1::GitSourceSpec& spec)
      ABSL_LOCKS_EXCLUDED(mu_);

  Clock& clock_;
  Io& io_;
  Http& http_;
  const Secrets secrets_;
  // By type. Empty if nobody wants to see.
  std::map<v1::Forge::Type, ObservedHttp> observed_;
  Mutex mu_;
  // By credentials. Paces are kept: who asks for a forge anew shall not be in a hurry anew. They
  // are as many as there are credentials.
  std::map<std::string, std::shared_ptr<forge::Pace>> paces_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::weak_ptr<forge::GithubApp>> apps_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
