// What GitHub alone has, and how its limits are met, against the server that plays it.
#include "reconciler/forge/github.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/executor.h"
#include "engine/base/retry_after.h"
#include "engine/net/http.h"
#include "reconciler/forge/testing/fake_github.h"
#include "reconciler/forge/testing/forge_world.h"
#include "reconciler/forge/testing/rsa_key.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kHead(40, 'a');

class GithubTest : public testing::Test {
 protected:
  void Use(const std::string& type) {
    world_ = MakeForgeWorld(type, *threads_, clock_, *http_);
    fake_ = static_cast<FakeGithub*>(world_.fake.get());
  }
  Forge& forge() {
    clock_.Advance(absl::Seconds(2));
    return *world_.forge;
  }
  CheckRun Run(int notes) {
    CheckRun run{.name = "espalier/plan/prod",
                 .head_sha = kHead,
                 .conclusion = CheckRun::Conclusion::kFailure,
                 .title = "3 problems",
                 .summary = "| a |",
                 .external_id = "digest-1"};
    for (int i = 0; i < notes; ++i) {
      run.notes.push_back(
          {.path = "a.yaml", .first_line = i + 1, .last_line = i + 1, .message = "wrong"});
    }
    return run;
  }
  std::vector<FakeCheckRun> CheckRuns() {
    std::vector<FakeCheckRun> runs;
    for (const auto& [id, run] : fake_->snapshot().check_runs) runs.push_back(run);
    return runs;
  }

  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  const std::unique_ptr<Http> http_ = MakeHttp();
  ForgeWorld world_;
  FakeGithub* fake_ = nullptr;
};

TEST_F(GithubTest, UnchangedPullRequestsCostNothingOfTheLimit) {
  Use("github");
  for (int i = 0; i < 250; ++i) fake_->Open({});
  EXPECT_EQ(forge().OpenPullRequests("main")->size(), 250u);
  fake_->SetRemaining(1000);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(forge().OpenPullRequests("main")->size(), 250u);
  // The last page is not full, so that its answers can be kept as well.
  EXPECT_EQ(fake_->calls().unchanged, 20);
  EXPECT_EQ(fake_->calls().limited, 0);
  fake_->PushHead(7, std::string(40, 'c'));
  EXPECT_EQ(forge().OpenPullRequests("main")->at(6).head_sha, std::string(40, 'c'));
}

TEST_F(GithubTest, E14StopsAskingWhenTheHourIsUsedUp) {
  Use("github");
  fake_->Open({});
  fake_->SetRemaining(1);
  EXPECT_TRUE(forge().GetPullRequest(1).ok());
  const std::size_t asked = fake_->requests().size();
  const absl::Status limited = forge().GetPullRequest(1).status();
  EXPECT_TRUE(absl::IsResourceExhausted(limited)) << limited;
  EXPECT_GT(RetryAfter(limited), absl::Minutes(50));
  EXPECT_EQ(fake_->requests().size(), asked);
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(forge().GetPullRequest(1).ok());
}

TEST_F(GithubTest, E14WaitsLongerEachTimeItIsNotToldHowLong) {
  Use("github");
  fake_->Open({});
  for (const int minutes : {1, 2, 4, 8}) {
    fake_->Limit(absl::ZeroDuration(), /*told=*/false);
    EXPECT_EQ(RetryAfter(forge().GetPullRequest(1).status()), absl::Minutes(minutes));
    clock_.Advance(absl::Minutes(minutes));
  }
  EXPECT_TRUE(forge().GetPullRequest(1).ok());
}

// E14: one write a second, 80 a minute, 500 an hour, whoever calls how often.
TEST_F(GithubTest, E14NeverWritesFasterThanGithubWants) {
  Use("github");
  fake_->Open({});
  int made = 0;
  int refused = 0;
  for (int tick = 0; tick < 7 * 3600; ++tick) {
    clock_.Advance(absl::Milliseconds(200));
    const absl::Status status = world_.forge->Acknowledge(1, "9");
    if (absl::IsResourceExhausted(status)) {
      ASSERT_GT(RetryAfter(status), absl::ZeroDuration());
      clock_.Advance(RetryAfter(status));
      ++refused;
    } else {
      ++made;
    }
    if (clock_.Elapsed() > absl::Hours(2)) break;
  }
  EXPECT_EQ(fake_->calls().hurried, 0);
  EXPECT_EQ(fake_->calls().limited, 0);
  EXPECT_LE(made, 1001);
  EXPECT_GE(made, 990);
  EXPECT_GT(refused, 0);
}

TEST_F(GithubTest, FollowsARenamedProjectAndRemembersIt) {
  Use("github");
  fake_->Open({});
  fake_->Rename("fleet-two");
  EXPECT_TRUE(forge().GetPullRequest(1).ok());
  const std::size_t asked = fake_->requests().size();
  EXPECT_TRUE(forge().AddComment(1, "still here").ok());
  EXPECT_EQ(forge().OpenPullRequests("main")->size(), 1u);
  EXPECT_EQ(fake_->requests().size(), asked + 2);
}

TEST_F(GithubTest, AStatusThatAThousandCameBeforeIsAsGoodAsSet) {
  Use("github");
  const CommitStatus status{.context = "c", .description = "same"};
  for (int i = 0; i < 1000; ++i) {
    clock_.Advance(absl::Seconds(8));
    ASSERT_TRUE(world_.forge->SetStatus(kHead, status).ok()) << i;
  }
  EXPECT_TRUE(forge().SetStatus(kHead, status).ok());
  const CommitStatus other{.context = "c", .description = "other"};
  EXPECT_TRUE(absl::IsInvalidArgument(forge().SetStatus(kHead, other)));
}

TEST_F(GithubTest, OnlyAppsMakeCheckRuns) {
  Use("github");
  EXPECT_FALSE(world_.forge->traits().check_runs);
  EXPECT_TRUE(absl::IsFailedPrecondition(forge().PutCheckRun("", Run(0)).status()));
  Use("github_app");
  EXPECT_TRUE(world_.forge->traits().check_runs);
}

TEST_F(GithubTest, ACheckRunTakesAllNotesFiftyAtATimeAndEachOnce) {
  Use("github_app");
  const auto id = forge().PutCheckRun("", Run(120));
  ASSERT_TRUE(id.ok()) << id.status();
  ASSERT_THAT(CheckRuns(), SizeIs(1));
  EXPECT_THAT(CheckRuns()[0].annotations, SizeIs(120));
  EXPECT_EQ(CheckRuns()[0].conclusion, "failure");
  EXPECT_EQ(fake_->calls().hurried, 0);
  EXPECT_EQ(forge().PutCheckRun(*id, Run(121)).value(), *id);
  EXPECT_THAT(CheckRuns()[0].annotations, SizeIs(121));
  EXPECT_EQ(forge().PutCheckRun(*id, Run(2000)).value(), *id);
  EXPECT_THAT(CheckRuns()[0].annotations, SizeIs(500));
}

TEST_F(GithubTest, ACheckRunWhoseMakingWasNeverAnsweredIsFoundAgain) {
  Use("github_app");
  CheckRun run = Run(60);
  // The second part is lost, and with it the id.
  fake_->FailNext(1, 502, "/check-runs/");
  EXPECT_TRUE(absl::IsUnavailable(forge().PutCheckRun("", run).status()));
  EXPECT_THAT(CheckRuns()[0].annotations, SizeIs(50));
  const auto id = forge().PutCheckRun("", run);
  ASSERT_TRUE(id.ok()) << id.status();
  ASSERT_THAT(CheckRuns(), SizeIs(1));
  EXPECT_THAT(CheckRuns()[0].annotations, SizeIs(60));
  run.external_id = "digest-2";
  run.conclusion = CheckRun::Conclusion::kNone;
  EXPECT_NE(forge().PutCheckRun("", run).value(), *id);
  EXPECT_EQ(CheckRuns()[1].status, "in_progress");
}

TEST_F(GithubTest, AnAppsTokenIsKeptUntilShortlyBeforeItsEnd) {
  Use("github_app");
  fake_->Open({});
  for (int minute = 0; minute < 54; ++minute) {
    clock_.Advance(absl::Minutes(1));
    ASSERT_TRUE(world_.forge->GetPullRequest(1).ok());
  }
  EXPECT_EQ(fake_->app_tokens(), 1);
  clock_.Advance(absl::Minutes(3));
  ASSERT_TRUE(world_.forge->GetPullRequest(1).ok());
  EXPECT_EQ(fake_->app_tokens(), 2);
}

TEST_F(GithubTest, E13AnAppsTokenThatIsRefusedIsReplaced) {
  Use("github_app");
  fake_->Open({});
  ASSERT_TRUE(forge().GetPullRequest(1).ok());
  fake_->ExpireAppTokens();
  EXPECT_TRUE(absl::IsUnauthenticated(forge().GetPullRequest(1).status()));
  EXPECT_TRUE(forge().GetPullRequest(1).ok());
  EXPECT_EQ(fake_->app_tokens(), 2);
}

TEST_F(GithubTest, AnAppsTokenOpensOneRepositoryOnly) {
  Use("github_app");
  fake_->Open({});
  ASSERT_TRUE(forge().GetPullRequest(1).ok());
  for (const ServerRequest& request : fake_->requests()) {
    if (request.method != "POST") continue;
    EXPECT_EQ(request.body, R"({"repositories":["fleet"]})");
  }
}

TEST_F(GithubTest, NamesThePermissionThatIsMissing) {
  Use("github");
  fake_->Open({});
  fake_->SetUser("espalier", ForgeRole::kRead);
  EXPECT_THAT(forge().AddComment(1, "x").status().message(),
              HasSubstr("the token needs issues=write; pull_requests=write"));
}

TEST(SignAppTokenTest, SignsForTenMinutesAtMost) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const auto token = forge::SignAppToken("1234", TestRsaKey().private_key, now);
  ASSERT_TRUE(token.ok()) << token.status();
  const std::vector<std::string> parts = absl::StrSplit(*token, '.');
  ASSERT_THAT(parts, SizeIs(3));
  std::string claims;
  std::string signature;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[1], &claims));
  ASSERT_TRUE(absl::WebSafeBase64Unescape(parts[2], &signature));
  EXPECT_EQ(claims, R"({"iat":1799999940,"exp":1800000540,"iss":"1234"})");
  EXPECT_TRUE(
      IsSignedBy(TestRsaKey().public_key, absl::StrCat(parts[0], ".", parts[1]), signature));
  EXPECT_FALSE(
      IsSignedBy(TestRsaKey().public_key, absl::StrCat(parts[0], "x.", parts[1]), signature));
}

TEST(SignAppTokenTest, RefusesWhatIsNoRsaKey) {
  for (const char* pem : {"", "secret", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"}) {
    const absl::Status status = forge::SignAppToken("1", pem, absl::UnixEpoch()).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.message(), testing::Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace espalier
