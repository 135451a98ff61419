// Login: whose token it is, asked once for each token. Thread-safe; owned by the client of a forge.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/mutex.h"
#include "reconciler/forge/access_token.h"
#include "reconciler/forge/forge_api.h"

namespace espalier::forge {

class Login {
 public:
  // `field` of the answer to GET /user is the name. Borrowed: token and api.
  Login(AccessToken& token, ForgeApi& api, absl::string_view field)
      : token_(token), api_(api), field_(field) {}

  // Errors as those of a call.
  absl::StatusOr<std::string> Get();

 private:
  AccessToken& token_;
  ForgeApi& api_;
  const std::string field_;
  Mutex mu_;
  std::string name_ ABSL_GUARDED_BY(mu_);
  // The digest of the token that it was found out with: another may be somebody else's.
  std::string digest_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::forge
