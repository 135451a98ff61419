// What hurts of GitLab alone, against the server that plays it.
#include "reconciler/forge/gitlab.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/executor.h"
#include "engine/base/retry_after.h"
#include "engine/net/http.h"
#include "reconciler/forge/testing/forge_world.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

using ::testing::SizeIs;

const std::string kHead(40, 'a');

class GitlabTest : public testing::Test {
 protected:
  Forge& forge() { return *world_.forge; }
  FakeForge& fake() { return *world_.fake; }

  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  const std::unique_ptr<Http> http_ = MakeHttp();
  ForgeWorld world_ = MakeForgeWorld("gitlab", *threads_, clock_, *http_);
};

TEST_F(GitlabTest, RepeatingAStateIsASuccessAndMakesNothing) {
  const CommitStatus pending{.context = "espalier/plan/prod", .description = "planning"};
  ASSERT_TRUE(forge().SetStatus(kHead, pending).ok());
  EXPECT_TRUE(forge().SetStatus(kHead, pending).ok());
  EXPECT_THAT(fake().snapshot().statuses, SizeIs(1));
}

TEST_F(GitlabTest, AnErrorAndAFailureAreBothFailed) {
  ASSERT_TRUE(
      forge().SetStatus(kHead, {.state = CommitStatus::State::kError, .context = "a"}).ok());
  EXPECT_EQ(fake().snapshot().statuses.back().state, "failed");
}

TEST_F(GitlabTest, AStatusGoesToTheCommitsPipeline) {
  // The first makes the pipeline; the fake refuses those after it that do not name it.
  for (const char* context : {"espalier/validate", "espalier/plan/prod", "espalier/plan/test"}) {
    EXPECT_TRUE(forge().SetStatus(kHead, {.context = context}).ok());
  }
  EXPECT_THAT(fake().snapshot().statuses, SizeIs(3));
}

TEST_F(GitlabTest, TwoStatusesAtOnceAreToBeTriedLater) {
  fake().FailNext(1, 409, "/statuses/");
  EXPECT_TRUE(absl::IsUnavailable(forge().SetStatus(kHead, {.context = "a"})));
  EXPECT_TRUE(forge().SetStatus(kHead, {.context = "a"}).ok());
}

TEST_F(GitlabTest, WhileTheDiffIsComputedRemarksAreToBeTriedLater) {
  const std::int64_t number = fake().Open({.head_sha = kHead});
  const PullRequest pull{.number = number, .head_sha = kHead};
  const LineNote note{.path = "a.yaml", .first_line = 1, .last_line = 1, .message = "x"};
  const absl::Status early = forge().AddLineNotes(pull, {note});
  EXPECT_TRUE(absl::IsUnavailable(early)) << early;
  EXPECT_GT(RetryAfter(early), absl::ZeroDuration());
  ASSERT_TRUE(forge().GetPullRequest(number).ok());
  EXPECT_TRUE(forge().AddLineNotes(pull, {note}).ok());
  // A head that the forge does not know yet is no other case.
  const PullRequest newer{.number = number, .head_sha = std::string(40, 'b')};
  EXPECT_TRUE(absl::IsUnavailable(forge().AddLineNotes(newer, {note})));
}

TEST_F(GitlabTest, ARemarkOnAnUnchangedLineNamesBothLines) {
  const std::int64_t number = fake().Open({.head_sha = kHead, .computing = 0});
  const PullRequest pull{.number = number, .head_sha = kHead};
  const LineNote context{
      .path = "a.yaml", .first_line = 9, .last_line = 9, .message = "x", .old_line = 7};
  const LineNote added{.path = "a.yaml", .first_line = 10, .last_line = 10, .message = "y"};
  ASSERT_TRUE(forge().AddLineNotes(pull, {context, added}).ok());
  EXPECT_EQ(fake().snapshot().notes[0].old_line, 7);
  EXPECT_EQ(fake().snapshot().notes[1].old_line, 0);
  // They are no comments of the conversation.
  EXPECT_THAT(forge().Comments(number).value(), SizeIs(0));
}

TEST_F(GitlabTest, AcknowledgingTwiceIsFine) {
  const std::int64_t number = fake().Open({});
  const std::string id = fake().Comment(number, "ana", "/espalier plan");
  EXPECT_TRUE(forge().Acknowledge(number, id).ok());
  EXPECT_TRUE(forge().Acknowledge(number, id).ok());
}

TEST_F(GitlabTest, KnowsTheUsersOfProjectTokens) {
  const std::int64_t number = fake().Open({});
  fake().Comment(number, "project_42_bot_1a2b", "x");
  fake().Comment(number, "project_ana", "y");
  const auto comments = forge().Comments(number).value();
  EXPECT_TRUE(comments[0].by_bot);
  EXPECT_FALSE(comments[1].by_bot);
}

}  // namespace
}  // namespace espalier
