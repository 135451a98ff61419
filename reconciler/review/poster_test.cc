#include "reconciler/review/poster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/forge/testing/memory_forge.h"
#include "reconciler/review/marker.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kKey[] = "plan/fleet";

class PosterTest : public testing::Test {
 protected:
  PosterTest() {
    surface_.number = 7;
    surface_.commit = "aaaa";
    surface_.revision = 3;
    surface_.statuses.push_back({.sha = "aaaa",
                                 .status = {.state = CommitStatus::State::kSuccess,
                                            .context = "espalier/plan/fleet",
                                            .description = "1 to create"}});
    SetComment("one to create");
  }

  void SetComment(const std::string& text) {
    surface_.comment =
        MarkerLine({.key = kKey, .commit = surface_.commit, .revision = surface_.revision}) + "\n" +
        text;
  }

  absl::Status Post() {
    return PostSurface(forge_, kKey, surface_, posted_, [this] { saved_ = posted_; });
  }

  std::vector<std::string> Bodies() {
    std::vector<std::string> bodies;
    for (const ForgeComment& comment : forge_.Of(7).comments) bodies.push_back(comment.body);
    return bodies;
  }

  MemoryForge forge_;
  Surface surface_;
  Posted posted_;
  Posted saved_;
};

TEST_F(PosterTest, WritesWhatIsMissingAndThenNothing) {
  ASSERT_TRUE(Post().ok());
  EXPECT_EQ(forge_.StatusOf("aaaa", "espalier/plan/fleet")->description, "1 to create");
  EXPECT_THAT(Bodies(), ElementsAre(surface_.comment));
  const int calls = forge_.calls();
  // The status; the comment, and a look for it before and after.
  EXPECT_EQ(calls, 4);
  ASSERT_TRUE(Post().ok());
  EXPECT_EQ(forge_.calls(), calls);
}

TEST_F(PosterTest, EditsItsOneComment) {
  ASSERT_TRUE(Post().ok());
  SetComment("two to create");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("two to create")));
}

TEST_F(PosterTest, E8FindsItsCommentAmongAHundredAfterItForgotAll) {
  for (int i = 0; i < 120; ++i) forge_.Say(7, "ana", "hello");
  ASSERT_TRUE(Post().ok());
  for (int i = 0; i < 120; ++i) forge_.Say(7, "ana", "hello");
  posted_ = Posted();
  SetComment("two to create");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), SizeIs(241));
  EXPECT_THAT(Bodies()[120], HasSubstr("two to create"));
}

TEST_F(PosterTest, E5TakesNobodyElsesCommentForItsOwn) {
  forge_.Say(7, "mallory", MarkerLine({.key = kKey}) + "\nall is well");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("all is well"), HasSubstr("one to create")));
}

TEST_F(PosterTest, E9TwoReconcilersLeaveOneComment) {
  ASSERT_TRUE(Post().ok());
  Posted other;
  // The other one had looked before the first wrote.
  forge_.SayAsUs(7, surface_.comment);
  ASSERT_TRUE(PostSurface(forge_, kKey, surface_, other, [] {}).ok());
  EXPECT_THAT(Bodies(), SizeIs(1));
  SetComment("two to create");
  ASSERT_TRUE(Post().ok());
  ASSERT_TRUE(PostSurface(forge_, kKey, surface_, other, [] {}).ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("two to create")));
}

TEST_F(PosterTest, E10LeavesWhatIsNewerAboutTheSameCommit) {
  forge_.SayAsUs(7, MarkerLine({.key = kKey, .commit = "aaaa", .revision = 9}) + "\nnewer");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("newer")));
}

TEST_F(PosterTest, WritesADeletedCommentAgain) {
  ASSERT_TRUE(Post().ok());
  ASSERT_TRUE(forge_.DeleteComment(7, posted_.comment_id).ok());
  SetComment("two to create");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("two to create")));
}

// However the forge fails, in whichever call: in the end there is one comment and one status.
TEST_F(PosterTest, GoesOnWhereItFailed) {
  for (int failing = 0; failing < 8; ++failing) {
    SCOPED_TRACE(failing);
    MemoryForge forge;
    forge.FailAfter(failing, absl::UnavailableError("502"));
    Posted posted;
    Posted saved;
    for (int turn = 0; turn < 3; ++turn) {
      // Killed: what was saved is all that is known.
      posted = saved;
      (void)PostSurface(forge, kKey, surface_, posted, [&] { saved = posted; });
    }
    EXPECT_THAT(forge.Of(7).comments, SizeIs(1));
    EXPECT_TRUE(forge.StatusOf("aaaa", "espalier/plan/fleet").has_value());
  }
}

TEST_F(PosterTest, RemembersThePlanThatIsShown) {
  surface_.plan = {.commit = "aaaa", .digest = "d1", .destroys = {"vm ci/a"}};
  forge_.Fail(absl::UnavailableError("down"));
  EXPECT_FALSE(Post().ok());
  EXPECT_EQ(posted_.shown.digest, "");
  forge_.Fail(absl::OkStatus());
  ASSERT_TRUE(Post().ok());
  EXPECT_EQ(saved_.shown.digest, "d1");
}

// Who merges a moment after the comment came has read it, whatever the forge says to the next call.
TEST_F(PosterTest, RemembersThePlanOnceItsCommentIsThere) {
  surface_.plan = {.commit = "aaaa", .digest = "d1", .destroys = {"vm ci/a"}};
  // The status, the look for a comment of ours, the comment.
  forge_.FailAfter(3, absl::ResourceExhaustedError("later"));
  EXPECT_FALSE(Post().ok());
  ASSERT_THAT(Bodies(), SizeIs(1));
  EXPECT_EQ(saved_.shown.digest, "d1");
}

TEST_F(PosterTest, FallsBackToNotesWhereItMayMakeNoCheckRuns) {
  surface_.with_check = true;
  surface_.check.head_sha = "aaaa";
  surface_.notes.push_back({.path = "a.yaml", .first_line = 3, .last_line = 3, .message = "bad"});
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(forge_.checks(), IsEmpty());
  EXPECT_THAT(forge_.Of(7).notes, SizeIs(1));
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(forge_.Of(7).notes, SizeIs(1));
}

TEST_F(PosterTest, AnswersACommandOnce) {
  const std::string id = forge_.Say(7, "ana", "/espalier plan");
  for (int i = 0; i < 3; ++i) {
    // Whoever answered has forgotten it, or was another reconciler.
    posted_ = Posted();
    ASSERT_TRUE(PostReplies(forge_, kKey, 7, {{id, "Planning."}}, posted_, [] {}).ok());
  }
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("/espalier"), HasSubstr("Planning.")));
}

TEST_F(PosterTest, KeepsOneIssueWhileThereIsSomethingToSay) {
  const std::string body = MarkerLine({.key = "drift/fleet"}) + "\n1 changed\n";
  ASSERT_TRUE(PostIssue(forge_, "drift/fleet", "espalier-drift", "Drift", body).ok());
  ASSERT_TRUE(PostIssue(forge_, "drift/fleet", "espalier-drift", "Drift", body + "more").ok());
  ASSERT_THAT(forge_.issues(), SizeIs(1));
  EXPECT_THAT(forge_.issues()[0].body, HasSubstr("more"));
  const int calls = forge_.calls();
  ASSERT_TRUE(PostIssue(forge_, "drift/fleet", "espalier-drift", "Drift", body + "more\n").ok());
  EXPECT_EQ(forge_.calls(), calls + 1);
  ASSERT_TRUE(PostIssue(forge_, "drift/fleet", "espalier-drift", "", "").ok());
  EXPECT_FALSE(forge_.issues()[0].open);
}

TEST_F(PosterTest, AnswersAnIssueOnceAndSeesThatInItsComments) {
  const std::string id = forge_.SayOnIssue(3, "ana", "/espalier accept-drift");
  // Somebody else writes what ours looks like.
  forge_.SayOnIssue(3, "eve", MarkerLine({.key = "reply/drift/fleet/c9"}) + "\nno\n");
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(PostIssueReply(forge_, "drift/fleet", 3, id, "Done.").ok());
  }
  const std::vector<ForgeComment> comments = forge_.IssueComments(3).value();
  ASSERT_THAT(comments, SizeIs(3));
  EXPECT_THAT(comments.back().body, HasSubstr("Done."));
  EXPECT_THAT(AnsweredIn(comments, "drift/fleet"), ElementsAre(id));
}

}  // namespace
}  // namespace espalier
