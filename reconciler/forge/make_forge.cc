#include "reconciler/forge/make_forge.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "reconciler/forge/gitea.h"
#include "reconciler/forge/github.h"
#include "reconciler/forge/gitlab.h"

namespace espalier {
namespace {

// Host and path of a repository, whichever way it is fetched. The URL was looked at closely before
// (reconciler/git/repository_url.h): this only takes apart what is known to be one.
absl::StatusOr<Url> WebUrl(absl::string_view repository) {
  if (!absl::ConsumePrefix(&repository, "ssh://")) return ParseUrl(repository);
  repository.remove_prefix(repository.find('@') + 1);
  ESPALIER_ASSIGN_OR_RETURN(Url url, ParseUrl(absl::StrCat("https://", repository)));
  // The port is that of ssh.
  if (!absl::EndsWith(url.authority, "]")) {
    url.authority = url.authority.substr(0, url.authority.rfind(':'));
  }
  return url;
}

absl::StatusOr<Url> DefaultBase(const Url& web, v1::Forge::Type type) {
  Url base = web;
  switch (type) {
    case v1::Forge::GITHUB:
      if (web.authority == "github.com") return ParseUrl("https://api.github.com");
      base.target = "/api/v3";
      return base;
    case v1::Forge::GITLAB:
      base.target = "/api/v4";
      return base;
    case v1::Forge::GITEA:
      base.target = "/api/v1";
      return base;
    default:
      return absl::InvalidArgumentError("spec.forge.type says no forge that is known");
  }
}

// One text per identity that a forge counts requests of.
std::string CredentialKey(const ForgePlace& place, const v1::Forge& forge) {
  const std::string base = place.base.ToString();
  if (forge.has_github_app()) {
    // An installation is an account's.
    return absl::StrCat(base, " app ", forge.github_app().app_id(), " ", place.owner);
  }
  return absl::StrCat(base, " token ", forge.token().SerializeAsString());
}

}  // namespace

absl::StatusOr<ForgePlace> FindForge(const v1::GitSourceSpec& spec) {
  if (!spec.has_forge()) return absl::InvalidArgumentError("spec.forge is not set");
  const v1::Forge& forge = spec.forge();
  if (forge.has_token() == forge.has_github_app()) {
    return absl::InvalidArgumentError("spec.forge needs exactly one of token and github_app");
  }
  if (forge.has_github_app() && forge.type() != v1::Forge::GITHUB) {
    return absl::InvalidArgumentError("spec.forge.github_app is for forges of type github");
  }
  const absl::StatusOr<Url> web = WebUrl(spec.repository());
  ForgePlace place;
  if (forge.has_api_url()) {
    absl::StatusOr<Url> base = ParseUrl(forge.api_url());
    if (!base.ok()) return Annotate(base.status(), "spec.forge.api_url");
    place.base = *std::move(base);
  } else if (web.ok()) {
    ESPALIER_ASSIGN_OR_RETURN(place.base, DefaultBase(*web, forge.type()));
  } else {
    return absl::InvalidArgumentError(
        "spec.forge.api_url is needed where the repository is no URL");
  }
  if (place.base.scheme != "https" && !IsLoopbackHost(place.base.Host())) {
    return absl::InvalidArgumentError("spec.forge.api_url: a token is sent over https only");
  }
  if (!forge.has_project() && !web.ok()) {
    return absl::InvalidArgumentError(
        "spec.forge.project is needed where the repository is no URL");
  }
  absl::string_view project = forge.has_project() ? forge.project() : web->target;
  while (absl::ConsumePrefix(&project, "/")) {
  }
  while (absl::ConsumeSuffix(&project, "/") || absl::ConsumeSuffix(&project, ".git")) {
  }
  const std::size_t slash = project.rfind('/');
  const bool nested = forge.type() == v1::Forge::GITLAB;
  if (slash == absl::string_view::npos || slash == 0 || (!nested && project.find('/') != slash)) {
    return absl::InvalidArgumentError(
        absl::StrCat("spec.forge.project: \"", project, "\" is no owner/name"));
  }
  place.owner = std::string(project.substr(0, slash));
  place.name = std::string(project.substr(slash + 1));
  return place;
}

ForgeMaker::ForgeMaker(Clock& clock, Io& io, Http& http, Secrets secrets, See see)
    : clock_(clock), io_(io), http_(http), secrets_(std::move(secrets)) {
  if (see == nullptr) return;
  for (const v1::Forge::Type type : {v1::Forge::GITHUB, v1::Forge::GITLAB, v1::Forge::GITEA}) {
    observed_.try_emplace(type, http_, [type, see](const absl::StatusOr<HttpResponse>& answer) {
      see(type, answer);
    });
  }
}

Http& ForgeMaker::HttpOf(v1::Forge::Type forge) {
  const auto observed = observed_.find(forge);
  return observed == observed_.end() ? http_ : observed->second;
}

absl::StatusOr<std::string> ForgeMaker::Read(const v1::SecretRef& ref) const {
  return ResolveSecret(ref, io_, secrets_.dir, secrets_.env, secrets_.reveal);
}

absl::StatusOr<HttpRoute> ForgeMaker::RouteOf(const v1::GitSourceSpec& spec) const {
  HttpRoute route{.ca_certificates = spec.ca_certificates()};
  if (spec.has_proxy()) {
    route.proxy = spec.proxy().url();
    route.proxy_username = spec.proxy().username();
    if (spec.proxy().has_password()) {
      ESPALIER_ASSIGN_OR_RETURN(route.proxy_password, Read(spec.proxy().password()));
    }
  }
  if (spec.has_client_certificate()) {
    route.client_certificate = spec.client_certificate().certificate();
    ESPALIER_ASSIGN_OR_RETURN(route.client_key, Read(spec.client_certificate().private_key()));
  }
  return route;
}

std::shared_ptr<forge::Pace> ForgeMaker::PaceOf(const ForgePlace& place, const v1::Forge& forge) {
  const std::string key = CredentialKey(place, forge);
  MutexLock lock(mu_);
  std::shared_ptr<forge::Pace>& pace = paces_[key];
  if (pace == nullptr) {
    pace = std::make_shared<forge::Pace>(
        clock_, forge.type() == v1::Forge::GITHUB ? forge::kGithubPace : forge::kOwnServerPace);
  }
  return pace;
}

absl::StatusOr<std::shared_ptr<forge::GithubApp>> ForgeMaker::AppOf(const ForgePlace& place,
                                                                    const v1::GitSourceSpec& spec) {
  ESPALIER_ASSIGN_OR_RETURN(const HttpRoute route, RouteOf(spec));
  const v1::GithubApp& app = spec.forge().github_app();
  // Its token opens one repository, and is asked for by the way that leads there now.
  const std::string key =
      absl::StrCat(CredentialKey(place, spec.forge()), "/", place.name, " ",
                   app.private_key().SerializeAsString(), " ", spec.proxy().SerializeAsString(),
                   " ", spec.ca_certificates(), " ", spec.client_certificate().SerializeAsString());
  MutexLock lock(mu_);
  std::erase_if(apps_, [](const auto& entry) { return entry.second.expired(); });
  if (std::shared_ptr<forge::GithubApp> known = apps_[key].lock(); known != nullptr) return known;
  auto made = std::make_shared<forge::GithubApp>(
      clock_, HttpOf(spec.forge().type()), [this, ref = app.private_key()] { return Read(ref); },
      forge::GithubAppOptions{.base = place.base,
                              .owner = place.owner,
                              .name = place.name,
                              .app_id = app.app_id(),
                              .route = route});
  apps_[key] = made;
  return made;
}

absl::StatusOr<std::shared_ptr<AccessToken>> ForgeMaker::GitToken(const v1::GitSourceSpec& spec) {
  if (!spec.has_forge() || !spec.forge().has_github_app()) return nullptr;
  ESPALIER_ASSIGN_OR_RETURN(const ForgePlace place, FindForge(spec));
  ESPALIER_ASSIGN_OR_RETURN(std::shared_ptr<forge::GithubApp> app, AppOf(place, spec));
  return app;
}

absl::StatusOr<std::unique_ptr<Forge>> ForgeMaker::Make(const v1::GitSourceSpec& spec) {
  ESPALIER_ASSIGN_OR_RETURN(const ForgePlace place, FindForge(spec));
  ESPALIER_ASSIGN_OR_RETURN(const HttpRoute route, RouteOf(spec));
  std::shared_ptr<forge::Pace> pace = PaceOf(place, spec.forge());
  Http& http = HttpOf(spec.forge().type());
  if (spec.forge().has_github_app()) {
    ESPALIER_ASSIGN_OR_RETURN(std::shared_ptr<forge::GithubApp> app, AppOf(place, spec));
    return forge::MakeGithub(
        http, {.base = place.base, .owner = place.owner, .name = place.name, .route = route},
        std::move(app), std::move(pace));
  }
  auto token =
      std::make_unique<SecretToken>([this, ref = spec.forge().token()] { return Read(ref); });
  switch (spec.forge().type()) {
    case v1::Forge::GITHUB:
      return forge::MakeGithub(
          http, {.base = place.base, .owner = place.owner, .name = place.name, .route = route},
          std::move(token), std::move(pace));
    case v1::Forge::GITLAB:
      return forge::MakeGitlab(http,
                               {.base = place.base,
                                .project = absl::StrCat(place.owner, "/", place.name),
                                .route = route},
                               std::move(token), std::move(pace));
    case v1::Forge::GITEA:
      return forge::MakeGitea(
          http, {.base = place.base, .owner = place.owner, .name = place.name, .route = route},
          std::move(token), std::move(pace));
    default:
      return absl::InvalidArgumentError("spec.forge.type says no forge that is known");
  }
}

}  // namespace espalier
