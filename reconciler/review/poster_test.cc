#include "reconciler/review/poster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/executor.h"
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

// Whoever was paused knows the comment's id, and what it was going to say.
TEST_F(PosterTest, E10ChangesNothingThatIsNewerWithTheIdThatItKnows) {
  ASSERT_TRUE(Post().ok());
  Surface newer = surface_;
  newer.revision = 5;
  newer.statuses[0].status.state = CommitStatus::State::kFailure;
  newer.comment = MarkerLine({.key = kKey, .commit = "aaaa", .revision = 5}) + "\nnewer";
  Posted other;
  ASSERT_TRUE(PostSurface(forge_, kKey, newer, other, [] {}).ok());
  const auto state = [&] { return forge_.StatusOf("aaaa", "espalier/plan/fleet")->state; };
  ASSERT_EQ(state(), CommitStatus::State::kFailure);

  surface_.revision = 4;
  surface_.statuses[0].status.description = "late";
  surface_.plan.digest = "d4";
  SetComment("late");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("newer")));
  EXPECT_EQ(state(), CommitStatus::State::kFailure);
  EXPECT_EQ(posted_.shown.digest, "") << "nobody has read it";
  const int calls = forge_.calls();
  ASSERT_TRUE(Post().ok());
  EXPECT_EQ(forge_.calls(), calls) << "it is known to be late";

  // What it finds out next says the status that it set first, which does not stand any more.
  surface_.revision = 6;
  surface_.statuses[0].status.description = "1 to create";
  SetComment("newest");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("newest")));
  EXPECT_EQ(state(), CommitStatus::State::kSuccess);
}

// The engine may have been put back to an older state: what we wrote ourselves may be replaced.
TEST_F(PosterTest, E10IsNotLateForItself) {
  ASSERT_TRUE(Post().ok());
  surface_.revision = 1;
  SetComment("after the restore");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("after the restore")));
}

TEST_F(PosterTest, E10LeavesWhatIsAboutANewerHead) {
  ASSERT_TRUE(Post().ok());
  Surface next = surface_;
  next.commit = "bbbb";
  next.revision = 3;
  next.comment = MarkerLine({.key = kKey, .commit = "bbbb", .revision = 3}) + "\nof the new head";
  PullRequest facts;
  facts.number = 7;
  facts.head_sha = "bbbb";
  forge_.SetPullRequest(facts);
  Posted other;
  ASSERT_TRUE(PostSurface(forge_, kKey, next, other, [] {}).ok());

  surface_.revision = 4;
  SetComment("of the old head");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("of the new head")));
  // Back to the old one by force.
  facts.head_sha = "aaaa";
  forge_.SetPullRequest(facts);
  surface_.revision = 5;
  SetComment("of the old head again");
  ASSERT_TRUE(Post().ok());
  EXPECT_THAT(Bodies(), ElementsAre(HasSubstr("again")));
}

// Whose call it is; null on the test's own thread.
thread_local void* current_player = nullptr;

// Two posters, each on a thread, of which one at a time makes one call of the forge: whose turn it
// is stands in `choices`, and what is left open there is the first's turn for as long as it has
// any.
class Interleaving {
 public:
  // Each gets its number. The second may be killed before its call `killed` (from 0).
  Interleaving(MemoryForge& forge, std::vector<int> choices, int killed)
      : choices_(std::move(choices)), killed_(killed) {
    forge.BeforeCalls([this] { return BeforeCall(); });
  }

  void Run(const std::function<void(int)>& post) {
    for (int i = 0; i < 2; ++i) {
      threads_.push_back(all_->Start("poster", [this, i, &post] {
        current_player = &players_[i];
        clock_->WaitUntil(players_[i].go, absl::InfiniteDuration());
        post(i);
        players_[i].done = true;
        turn_over_.Notify();
      }));
    }
    for (std::size_t turn = 0; !players_[0].done || !players_[1].done; ++turn) {
      if (turn == choices_.size()) choices_.push_back(0);
      const bool open = !players_[0].done && !players_[1].done;
      if (!open) choices_[turn] = players_[0].done ? 1 : 0;
      // Only where there was a choice another one is to be tried.
      was_open_.push_back(open);
      players_[choices_[turn]].go.Notify();
      clock_->WaitUntil(turn_over_, absl::InfiniteDuration());
    }
    for (const std::unique_ptr<Thread>& thread : threads_) thread->Join();
  }

  // The next choices that were not tried yet; empty: all were.
  std::vector<int> Next() const {
    std::vector<int> next(choices_.begin(), choices_.begin() + was_open_.size());
    for (std::size_t i = next.size(); i > 0; --i) {
      if (!was_open_[i - 1] || next[i - 1] == 1) continue;
      next[i - 1] = 1;
      next.resize(i);
      return next;
    }
    return {};
  }

 private:
  struct Player {
    Wakeup go;
    int calls = 0;
    std::atomic<bool> done = false;
  };

  absl::Status BeforeCall() {
    if (current_player == nullptr) return absl::OkStatus();
    Player& me = *static_cast<Player*>(current_player);
    turn_over_.Notify();
    clock_->WaitUntil(me.go, absl::InfiniteDuration());
    const bool is_dead = &me == &players_[1] && killed_ >= 0 && me.calls >= killed_;
    ++me.calls;
    return is_dead ? absl::UnavailableError("killed") : absl::OkStatus();
  }

  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<Threads> all_ = MakeRealThreads();
  std::vector<int> choices_;
  const int killed_;
  std::vector<bool> was_open_;
  Player players_[2];
  Wakeup turn_over_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

// Neither has written before, and the second one knows more. However their calls follow each other,
// and wherever the second one dies and begins again, there is one comment in the end, and it is the
// newer one.
TEST_F(PosterTest, E9OneCommentHoweverTwoReconcilersInterleave) {
  Surface newer = surface_;
  newer.revision = 4;
  newer.comment = MarkerLine({.key = kKey, .commit = "aaaa", .revision = 4}) + "\nnewer";
  int tried = 0;
  for (int killed = -1; killed < 6; ++killed) {
    std::vector<int> choices;
    do {
      ++tried;
      MemoryForge forge;
      Posted posted[2];
      Posted saved;
      Interleaving interleaving(forge, choices, killed);
      interleaving.Run([&](int who) {
        (void)PostSurface(forge, kKey, who == 0 ? surface_ : newer, posted[who], [&, who] {
          if (who == 1) saved = posted[1];
        });
      });
      choices = interleaving.Next();
      posted[1] = saved;
      ASSERT_TRUE(PostSurface(forge, kKey, newer, posted[1], [] {}).ok());
      ASSERT_TRUE(PostSurface(forge, kKey, surface_, posted[0], [] {}).ok());
      const std::vector<ForgeComment> comments = forge.Of(7).comments;
      ASSERT_THAT(comments, SizeIs(1)) << "killed at " << killed << ", try " << tried;
      ASSERT_THAT(comments[0].body, HasSubstr("newer")) << killed << ", try " << tried;
    } while (!choices.empty());
  }
  EXPECT_GT(tried, 100);
}

// Both know the comment, whose text forges cannot change on a condition: which text stays is the
// last one's, but it is one.
TEST_F(PosterTest, E9OneCommentHoweverTwoChangeIt) {
  for (int killed = -1; killed < 4; ++killed) {
    std::vector<int> choices;
    do {
      MemoryForge forge;
      Posted posted[2];
      ASSERT_TRUE(PostSurface(forge, kKey, surface_, posted[0], [] {}).ok());
      ASSERT_TRUE(PostSurface(forge, kKey, surface_, posted[1], [] {}).ok());
      Surface changed[2] = {surface_, surface_};
      for (int i = 0; i < 2; ++i) {
        changed[i].revision = 4 + i;
        changed[i].comment =
            MarkerLine({.key = kKey, .commit = "aaaa", .revision = 4 + i}) + "\nchanged";
      }
      Interleaving interleaving(forge, choices, killed);
      interleaving.Run(
          [&](int who) { (void)PostSurface(forge, kKey, changed[who], posted[who], [] {}); });
      choices = interleaving.Next();
      for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(PostSurface(forge, kKey, changed[i], posted[i], [] {}).ok());
      }
      ASSERT_THAT(forge.Of(7).comments, SizeIs(1));
      ASSERT_THAT(forge.Of(7).comments[0].body, HasSubstr("changed"));
    } while (!choices.empty());
  }
}

// The process that was to finish it is gone, and the head has moved on.
TEST_F(PosterTest, E16EndsWhatWasPendingOnAnOlderHead) {
  const auto state_of = [&](const std::string& sha) {
    return forge_.StatusOf(sha, "espalier/plan/fleet")->state;
  };
  Surface reading = surface_;
  reading.reading = true;
  reading.comment.clear();
  reading.statuses[0].status.state = CommitStatus::State::kPending;
  ASSERT_TRUE(PostSurface(forge_, kKey, reading, posted_, [] {}).ok());
  EXPECT_EQ(state_of("aaaa"), CommitStatus::State::kPending);
  surface_.commit = "bbbb";
  surface_.statuses[0].sha = "bbbb";
  SetComment("of the new head");
  // Told once, also where that fails at first.
  forge_.FailAfter(2, absl::UnavailableError("502"));
  EXPECT_FALSE(Post().ok());
  ASSERT_TRUE(Post().ok());
  EXPECT_EQ(state_of("aaaa"), CommitStatus::State::kError);
  EXPECT_EQ(state_of("bbbb"), CommitStatus::State::kSuccess);
  const std::size_t set = forge_.statuses_set();
  SetComment("of the new head, more");
  ASSERT_TRUE(Post().ok());
  EXPECT_EQ(forge_.statuses_set(), set);
}

TEST_F(PosterTest, E16EndsTheCheckRunOfAnOlderHead) {
  forge_.SetTraits({.comment_bytes = 60000, .status_bytes = 140, .check_runs = true});
  surface_.with_check = true;
  surface_.check.name = "espalier/plan/fleet";
  surface_.check.head_sha = "aaaa";
  ASSERT_TRUE(Post().ok());
  surface_.check.head_sha = "bbbb";
  surface_.check.conclusion = CheckRun::Conclusion::kSuccess;
  SetComment("of the new head");
  ASSERT_TRUE(Post().ok());
  ASSERT_THAT(forge_.checks(), SizeIs(2));
  EXPECT_EQ(forge_.checks()[0].conclusion, CheckRun::Conclusion::kNeutral);
  EXPECT_EQ(forge_.checks()[1].conclusion, CheckRun::Conclusion::kSuccess);
}

// Merged before it was planned: nothing waits any more.
TEST_F(PosterTest, E16EndsThePlanOfWhatIsMerged) {
  Surface reading = surface_;
  reading.comment.clear();
  reading.statuses[0].status.state = CommitStatus::State::kPending;
  ASSERT_TRUE(PostSurface(forge_, kKey, reading, posted_, [] {}).ok());
  surface_.statuses[0] = {.sha = "cccc",
                          .status = {.state = CommitStatus::State::kSuccess,
                                     .context = "espalier/apply/fleet",
                                     .description = "1 to create"}};
  ASSERT_TRUE(Post().ok());
  EXPECT_EQ(forge_.StatusOf("aaaa", "espalier/plan/fleet")->state, CommitStatus::State::kSuccess);
  EXPECT_EQ(forge_.StatusOf("cccc", "espalier/apply/fleet")->state, CommitStatus::State::kSuccess);
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
