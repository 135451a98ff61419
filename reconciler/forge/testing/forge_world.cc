#include "reconciler/forge/testing/forge_world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "reconciler/forge/gitea.h"
#include "reconciler/forge/github.h"
#include "reconciler/forge/gitlab.h"
#include "reconciler/forge/testing/fake_gitea.h"
#include "reconciler/forge/testing/fake_github.h"
#include "reconciler/forge/testing/fake_gitlab.h"
#include "reconciler/forge/testing/rsa_key.h"

namespace espalier {
namespace {

constexpr char kAppId[] = "Iv23liOfTheApp";

}  // namespace

ForgeWorld MakeForgeWorld(const std::string& type, Threads& threads, Clock& clock, Http& http) {
  ForgeWorld world{.login = "espalier", .pulls_path = "/pulls"};
  // What Gitea wants of who asks for roles, and more than enough elsewhere.
  ForgeRole role = ForgeRole::kWrite;
  if (type == "github_app") {
    auto fake = std::make_unique<FakeGithub>(threads, clock);
    world.login = "espalier[bot]";
    world.token = kAppId;
    fake->InstallApp(kAppId);
    world.fake = std::move(fake);
  } else if (type == "github") {
    world.fake = std::make_unique<FakeGithub>(threads, clock);
  } else if (type == "gitlab") {
    world.fake = std::make_unique<FakeGitlab>(threads, clock);
    world.pulls_path = "/merge_requests";
  } else {
    ESPALIER_CHECK(type == "gitea");
    world.fake = std::make_unique<FakeGitea>(threads, clock);
    role = ForgeRole::kAdmin;
  }
  if (world.token.empty()) world.token = world.fake->SetUser(world.login, role);
  world.forge =
      MakeForgeOf(type, clock, http, world.fake->api_url(), world.fake->project(), world.token);
  return world;
}

std::unique_ptr<Forge> MakeForgeOf(const std::string& type, Clock& clock, Http& http,
                                   const std::string& url, const std::string& project,
                                   const std::string& token) {
  const std::pair<std::string, std::string> names = absl::StrSplit(project, '/');
  const Url base = ParseUrl(url).value();
  const bool github = type == "github" || type == "github_app";
  auto pace =
      std::make_shared<forge::Pace>(clock, github ? forge::kGithubPace : forge::kOwnServerPace);
  auto secret = std::make_unique<SecretToken>([token] { return token; });
  const forge::GithubOptions options{.base = base, .owner = names.first, .name = names.second};
  if (type == "github_app") {
    auto app = std::make_shared<forge::GithubApp>(
        clock, http, [] { return TestRsaKey().private_key; },
        forge::GithubAppOptions{
            .base = options.base, .owner = options.owner, .name = options.name, .app_id = kAppId});
    return forge::MakeGithub(http, options, std::move(app), std::move(pace));
  }
  if (type == "github") {
    return forge::MakeGithub(http, options, std::move(secret), std::move(pace));
  }
  if (type == "gitlab") {
    return forge::MakeGitlab(http, {.base = base, .project = project}, std::move(secret),
                             std::move(pace));
  }
  ESPALIER_CHECK(type == "gitea");
  return forge::MakeGitea(http, {.base = base, .owner = names.first, .name = names.second},
                          std::move(secret), std::move(pace));
}

}  // namespace espalier
