// GitHub (github.com and Enterprise Server) as a Forge: REST, version 2022-11-28.
#pragma once

#include <memory>
#include <string>

#include "engine/base/http.h"
#include "engine/base/url.h"
#include "reconciler/forge/access_token.h"
#include "reconciler/forge/forge.h"
#include "reconciler/forge/forge_api.h"
#include "reconciler/forge/github_app.h"

namespace espalier::forge {

struct GithubOptions {
  // "https://api.github.com".
  Url base;
  // "acme" and "fleet".
  std::string owner;
  std::string name;
  HttpRoute route;
};

// What every client of GitHub's API sends.
ForgeApiOptions GithubApiOptions(const Url& base, const std::string& owner, const std::string& name,
                                 const HttpRoute& route);

// With a token of a person or machine user, who may make no check runs. `pace` is shared by all
// with the same credentials. Borrowed: http.
std::unique_ptr<Forge> MakeGithub(Http& http, const GithubOptions& options,
                                  std::unique_ptr<AccessToken> token, std::shared_ptr<Pace> pace);

// As an App. It is shared with what fetches the repository.
std::unique_ptr<Forge> MakeGithub(Http& http, const GithubOptions& options,
                                  std::shared_ptr<GithubApp> app, std::shared_ptr<Pace> pace);

}  // namespace espalier::forge
