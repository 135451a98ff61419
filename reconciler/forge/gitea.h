// Gitea and Forgejo as a Forge: REST, version 1.
#pragma once

#include <memory>
#include <string>

#include "engine/base/http.h"
#include "engine/base/url.h"
#include "reconciler/forge/access_token.h"
#include "reconciler/forge/forge.h"
#include "reconciler/forge/pace.h"

namespace espalier::forge {

struct GiteaOptions {
  // "https://git.example/api/v1".
  Url base;
  // "acme" and "fleet".
  std::string owner;
  std::string name;
  HttpRoute route;
};

// The token needs the scopes write:repository, write:issue and read:user. Its user may write; only
// of administrators of the project does Gitea answer what others may (RoleOf). `pace` is shared by
// all with the same credentials. Borrowed: http.
std::unique_ptr<Forge> MakeGitea(Http& http, const GiteaOptions& options,
                                 std::unique_ptr<AccessToken> token, std::shared_ptr<Pace> pace);

}  // namespace espalier::forge
