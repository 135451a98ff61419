// GitLab (gitlab.com or one's own) as a Forge: REST, version 4. A merge request is a pull request
// and its `iid` its number; a note is a comment.
#pragma once

#include <memory>
#include <string>

#include "engine/base/http.h"
#include "engine/base/url.h"
#include "reconciler/forge/access_token.h"
#include "reconciler/forge/forge.h"
#include "reconciler/forge/pace.h"

namespace espalier::forge {

struct GitlabOptions {
  // "https://gitlab.com/api/v4".
  Url base;
  // "acme/macs/fleet".
  std::string project;
  HttpRoute route;
};

// The token needs the scope api and the role Developer. `pace` is shared by all with the same
// credentials. Borrowed: http.
std::unique_ptr<Forge> MakeGitlab(Http& http, const GitlabOptions& options,
                                  std::unique_ptr<AccessToken> token, std::shared_ptr<Pace> pace);

}  // namespace espalier::forge
