#include "reconciler/forge/make_forge.h"

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/net/http.h"
#include "reconciler/forge/testing/fake_gitea.h"
#include "reconciler/forge/testing/fake_github.h"
#include "reconciler/forge/testing/fake_gitlab.h"
#include "reconciler/forge/testing/rsa_key.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"

namespace espalier {
namespace {

v1::GitSourceSpec SpecOf(v1::Forge::Type type, const std::string& repository) {
  v1::GitSourceSpec spec;
  spec.set_repository(repository);
  spec.mutable_forge()->set_type(type);
  spec.mutable_forge()->mutable_token()->set_env("TOKEN");
  return spec;
}

TEST(FindForgeTest, ReadsTheUrlOfTheRepository) {
  struct Case {
    v1::Forge::Type type;
    const char* repository;
    const char* base;
    const char* project;
  };
  const Case cases[] = {
      {v1::Forge::GITHUB, "https://github.com/acme/fleet.git", "https://api.github.com/",
       "acme/fleet"},
      {v1::Forge::GITHUB, "https://git.example/acme/fleet", "https://git.example/api/v3",
       "acme/fleet"},
      {v1::Forge::GITHUB, "ssh://git@github.com/acme/fleet.git", "https://api.github.com/",
       "acme/fleet"},
      {v1::Forge::GITLAB, "https://gitlab.com/acme/macs/fleet.git", "https://gitlab.com/api/v4",
       "acme/macs/fleet"},
      {v1::Forge::GITLAB, "ssh://git@git.example:2222/acme/fleet", "https://git.example/api/v4",
       "acme/fleet"},
      {v1::Forge::GITEA, "https://git.example:3000/acme/fleet/", "https://git.example:3000/api/v1",
       "acme/fleet"},
      {v1::Forge::GITEA, "http://127.0.0.1:3000/acme/fleet", "http://127.0.0.1:3000/api/v1",
       "acme/fleet"},
  };
  for (const Case& c : cases) {
    const auto place = FindForge(SpecOf(c.type, c.repository));
    ASSERT_TRUE(place.ok()) << c.repository << ": " << place.status();
    EXPECT_EQ(place->base.ToString(), c.base);
    EXPECT_EQ(absl::StrCat(place->owner, "/", place->name), c.project);
  }
}

TEST(FindForgeTest, WhatTheSpecSaysWins) {
  v1::GitSourceSpec spec = SpecOf(v1::Forge::GITHUB, "/srv/fleet.git");
  EXPECT_TRUE(absl::IsInvalidArgument(FindForge(spec).status()));
  spec.mutable_forge()->set_api_url("https://git.example/api/v3");
  EXPECT_TRUE(absl::IsInvalidArgument(FindForge(spec).status()));
  spec.mutable_forge()->set_project("acme/fleet");
  const auto place = FindForge(spec);
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_EQ(place->base.ToString(), "https://git.example/api/v3");
}

TEST(FindForgeTest, RefusesWhatCannotWork) {
  v1::GitSourceSpec none;
  none.set_repository("https://github.com/acme/fleet");
  EXPECT_TRUE(absl::IsInvalidArgument(FindForge(none).status()));
  // A token in the clear.
  EXPECT_TRUE(absl::IsInvalidArgument(
      FindForge(SpecOf(v1::Forge::GITEA, "http://git.example/acme/fleet")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      FindForge(SpecOf(v1::Forge::GITHUB, "https://github.com/acme/macs/fleet")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      FindForge(SpecOf(v1::Forge::GITHUB, "https://github.com/fleet")).status()));
  v1::GitSourceSpec app = SpecOf(v1::Forge::GITLAB, "https://gitlab.com/acme/fleet");
  app.mutable_forge()->mutable_github_app()->set_app_id("1");
  EXPECT_TRUE(absl::IsInvalidArgument(FindForge(app).status()));
  app.mutable_forge()->clear_token();
  EXPECT_TRUE(absl::IsInvalidArgument(FindForge(app).status()));
}

class ForgeMakerTest : public testing::Test {
 protected:
  ForgeMakerTest()
      : maker_(clock_, io_, *http_,
               {.dir = "/secrets",
                .env = [this](const std::string& name) -> std::optional<std::string> {
                  const auto found = env_.find(name);
                  if (found == env_.end()) return std::nullopt;
                  return found->second;
                }},
               [this](v1::Forge::Type type, const absl::StatusOr<HttpResponse>& answer) {
                 if (answer.ok()) seen_[type] = answer->status;
               }) {}

  v1::GitSourceSpec SpecFor(v1::Forge::Type type, const FakeForge& fake) {
    v1::GitSourceSpec spec = SpecOf(type, "/srv/fleet.git");
    spec.mutable_forge()->set_api_url(fake.api_url());
    spec.mutable_forge()->set_project(fake.project());
    return spec;
  }

  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  FakeIo io_{clock_};
  const std::unique_ptr<Http> http_ = MakeHttp();
  std::map<std::string, std::string> env_;
  // The status of each forge's last answer.
  std::map<v1::Forge::Type, int> seen_;
  ForgeMaker maker_;
};

TEST_F(ForgeMakerTest, MakesEachTypeWithATokenThatMayChange) {
  FakeGithub github(*threads_, clock_);
  FakeGitlab gitlab(*threads_, clock_);
  FakeGitea gitea(*threads_, clock_);
  const std::pair<v1::Forge::Type, FakeForge*> forges[] = {
      {v1::Forge::GITHUB, &github}, {v1::Forge::GITLAB, &gitlab}, {v1::Forge::GITEA, &gitea}};
  for (const auto& [type, fake] : forges) {
    fake->Open({});
    env_["TOKEN"] = "old";
    const auto forge = maker_.Make(SpecFor(type, *fake));
    ASSERT_TRUE(forge.ok()) << forge.status();
    EXPECT_TRUE(absl::IsUnauthenticated((*forge)->GetPullRequest(1).status()));
    EXPECT_EQ(seen_[type], 401);
    env_["TOKEN"] = fake->SetUser("espalier", ForgeRole::kWrite);
    EXPECT_TRUE((*forge)->GetPullRequest(1).ok());
    env_.clear();
    EXPECT_TRUE(absl::IsNotFound((*forge)->GetPullRequest(1).status()));
  }
}

TEST_F(ForgeMakerTest, SourcesWithTheSameTokenShareOnePace) {
  FakeGithub fake(*threads_, clock_);
  env_["TOKEN"] = fake.SetUser("espalier", ForgeRole::kWrite);
  fake.Open({});
  const auto one = maker_.Make(SpecFor(v1::Forge::GITHUB, fake)).value();
  const auto other = maker_.Make(SpecFor(v1::Forge::GITHUB, fake)).value();
  EXPECT_TRUE(one->AddComment(1, "x").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(other->AddComment(1, "y").status()));
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(other->AddComment(1, "y").ok());
  EXPECT_EQ(fake.calls().hurried, 0);
}

TEST_F(ForgeMakerTest, AnAppsTokenIsGitsPassword) {
  FakeGithub fake(*threads_, clock_);
  v1::GitSourceSpec spec = SpecFor(v1::Forge::GITHUB, fake);
  EXPECT_EQ(maker_.GitToken(spec).value(), nullptr);
  spec.mutable_forge()->clear_token();
  spec.mutable_forge()->mutable_github_app()->set_app_id("42");
  spec.mutable_forge()->mutable_github_app()->mutable_private_key()->set_env("KEY");
  env_["KEY"] = fake.InstallApp("42");
  const auto forge = maker_.Make(spec).value();
  EXPECT_TRUE(forge->traits().check_runs);
  ASSERT_TRUE(forge->OpenPullRequests("main").ok());
  const auto token = maker_.GitToken(spec).value();
  const auto password = token->Get();
  ASSERT_TRUE(password.ok()) << password.status();
  EXPECT_EQ(password->substr(0, 4), "ghs_");
  // The one that the client made.
  EXPECT_EQ(fake.app_tokens(), 1);
}

TEST_F(ForgeMakerTest, GoesThroughTheProxyOfTheSource) {
  FakeGithub fake(*threads_, clock_);
  env_["TOKEN"] = "t";
  env_["PROXY"] = "word";
  TestHttpServer proxy(*threads_, [](const ServerRequest&) { return ServerAnswer{.status = 503}; });
  v1::GitSourceSpec spec = SpecFor(v1::Forge::GITHUB, fake);
  spec.mutable_proxy()->set_url(proxy.url());
  spec.mutable_proxy()->set_username("name");
  EXPECT_TRUE(absl::IsUnavailable(maker_.Make(spec).value()->GetPullRequest(1).status()));
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_TRUE(fake.requests().empty());
  spec.mutable_proxy()->mutable_password()->set_env("MISSING");
  EXPECT_TRUE(absl::IsNotFound(maker_.Make(spec).status()));
}

}  // namespace
}  // namespace espalier
