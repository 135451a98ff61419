// What every Forge has to do, on each client against the server that plays its forge.
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/base/retry_after.h"
#include "engine/net/http.h"
#include "reconciler/forge/file_links.h"
#include "reconciler/forge/testing/forge_world.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string Sha(char digit) { return std::string(40, digit); }

std::vector<std::int64_t> Numbers(const std::vector<PullRequest>& pulls) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(pulls.size());
  for (const PullRequest& pull : pulls) numbers.push_back(pull.number);
  return numbers;
}

class ForgeConformanceTest : public testing::TestWithParam<const char*> {
 protected:
  ForgeConformanceTest() {
    world_ = MakeForgeWorld(GetParam(), *threads_, clock_, *http_);
    fake().SetUser("ana", ForgeRole::kWrite);
  }

  FakeForge& fake() { return *world_.fake; }
  // The forge, for a write: so much later than the last one that nobody minds.
  Forge& forge() {
    clock_.Advance(absl::Seconds(2));
    return *world_.forge;
  }
  // A pull request with lines 10 to 20 of pool.yaml in its diff.
  PullRequest OpenOne() {
    const std::int64_t number =
        fake().Open({.head_sha = Sha('a'), .diff = {{{"pool.yaml", {{10, 20}}}}}});
    return forge().GetPullRequest(number).value();
  }

  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  const std::unique_ptr<Http> http_ = MakeHttp();
  ForgeWorld world_;
};

TEST_P(ForgeConformanceTest, ListsEveryOpenPullRequestOldestFirst) {
  std::vector<std::int64_t> wanted;
  wanted.reserve(120);
  for (int i = 0; i < 120; ++i) {
    wanted.push_back(fake().Open({.head_branch = absl::StrCat("change-", i)}));
  }
  fake().Open({.base_branch = "other"});
  fake().SetState(wanted[3], PullRequest::State::kClosed);
  wanted.erase(wanted.begin() + 3);
  const auto pulls = forge().OpenPullRequests("main");
  ASSERT_TRUE(pulls.ok()) << pulls.status();
  EXPECT_EQ(Numbers(*pulls), wanted);
}

TEST_P(ForgeConformanceTest, SeesAPullRequestThatFillsThePage) {
  // Pages of 100 and of 50, just full; the one that follows changes nothing in them.
  for (int i = 0; i < 100; ++i) fake().Open({});
  EXPECT_EQ(forge().OpenPullRequests("main").value().size(), 100u);
  fake().Open({});
  EXPECT_EQ(forge().OpenPullRequests("main").value().size(), 101u);
}

TEST_P(ForgeConformanceTest, ReadsWhatAPullRequestIs) {
  const std::int64_t number = fake().Open({.title = "More pools",
                                           .author = "ana",
                                           .head_branch = "pools",
                                           .head_sha = Sha('a'),
                                           .draft = true});
  const auto pull = forge().GetPullRequest(number);
  ASSERT_TRUE(pull.ok()) << pull.status();
  EXPECT_EQ(pull->title, "More pools");
  EXPECT_EQ(pull->author, "ana");
  EXPECT_EQ(pull->head_branch, "pools");
  EXPECT_EQ(pull->base_branch, "main");
  EXPECT_EQ(pull->head_sha, Sha('a'));
  EXPECT_TRUE(pull->draft);
  EXPECT_FALSE(pull->from_fork);
  EXPECT_TRUE(absl::StrContains(pull->url, absl::StrCat(number))) << pull->url;
  EXPECT_EQ(pull->state, PullRequest::State::kOpen);
  EXPECT_TRUE(absl::IsNotFound(forge().GetPullRequest(4711).status()));
}

TEST_P(ForgeConformanceTest, TellsWhenAPullRequestChangedLast) {
  const PullRequest before = OpenOne();
  clock_.Advance(absl::Minutes(5));
  fake().Comment(before.number, "ana", "/espalier plan");
  const auto after = forge().OpenPullRequests("main").value();
  EXPECT_GE(after.front().updated_at, before.updated_at + absl::Minutes(5));
}

TEST_P(ForgeConformanceTest, KnowsForksAlsoWhenTheyAreGone) {
  const std::int64_t fork = fake().Open({.from_fork = true});
  const std::int64_t gone = fake().Open({.from_fork = true, .head_gone = true});
  EXPECT_TRUE(forge().GetPullRequest(fork)->from_fork);
  EXPECT_TRUE(forge().GetPullRequest(gone)->from_fork);
  const auto listed = forge().OpenPullRequests("main").value();
  EXPECT_TRUE(listed[0].from_fork);
  EXPECT_TRUE(listed[1].from_fork);
}

TEST_P(ForgeConformanceTest, TellsMergedFromClosed) {
  const std::int64_t merged = fake().Open({});
  const std::int64_t closed = fake().Open({});
  fake().Merge(merged, Sha('b'));
  fake().SetState(closed, PullRequest::State::kClosed);
  EXPECT_EQ(forge().GetPullRequest(merged)->state, PullRequest::State::kMerged);
  EXPECT_EQ(forge().GetPullRequest(merged)->merge_sha, Sha('b'));
  EXPECT_EQ(forge().GetPullRequest(closed)->state, PullRequest::State::kClosed);
  EXPECT_EQ(forge().GetPullRequest(closed)->merge_sha, "");
}

TEST_P(ForgeConformanceTest, LinksToLinesOfFiles) {
  const PullRequest pull = OpenOne();
  const std::string url = FileUrl(pull, Sha('a'), "teams/a b)c:\u00e9.yaml", 12);
  EXPECT_THAT(url,
              AllOf(StartsWith(pull.url.substr(0, pull.url.find("/fleet") + 6)),
                    EndsWith(absl::StrCat("/", Sha('a'), "/teams/a%20b%29c%3A%C3%A9.yaml#L12"))));
  EXPECT_EQ(FileUrl(pull, Sha('a'), "", 12), "");
  PullRequest strange = pull;
  strange.url = absl::StrCat("javascript:x/pull/", pull.number);
  SetFilesUrl("/pull/", "/blob/", strange);
  EXPECT_EQ(strange.files_url, "");
  EXPECT_EQ(FileUrl(strange, Sha('a'), "a.yaml", 1), "");
}

TEST_P(ForgeConformanceTest, FindsWhichPullRequestBroughtACommitToABranch) {
  const std::int64_t number = fake().Open({});
  fake().Open({.head_sha = Sha('b')});
  fake().Merge(number, Sha('b'));
  const auto found = forge().PullRequestOf(Sha('b'), "main");
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->number, number);
  EXPECT_EQ((*found)->state, PullRequest::State::kMerged);
  EXPECT_EQ(forge().PullRequestOf(Sha('b'), "release").value(), std::nullopt);
  EXPECT_EQ(forge().PullRequestOf(Sha('c'), "main").value(), std::nullopt);
}

TEST_P(ForgeConformanceTest, SetsStatusesAndRepeatsThem) {
  OpenOne();
  const CommitStatus pending{.context = "espalier/plan/prod", .description = "planning"};
  const CommitStatus done{.state = CommitStatus::State::kSuccess,
                          .context = "espalier/plan/prod",
                          .description = "2 to create",
                          .url = "https://espalier.example/p/1"};
  for (const CommitStatus& status : {pending, pending, done, done, pending}) {
    const absl::Status set = forge().SetStatus(Sha('a'), status);
    EXPECT_TRUE(set.ok()) << set;
  }
  const FakeProject project = fake().snapshot();
  EXPECT_EQ(project.statuses.back().state, "pending");
  EXPECT_EQ(project.statuses.back().context, "espalier/plan/prod");
  const auto failed = CommitStatus{.state = CommitStatus::State::kFailure, .context = "c"};
  EXPECT_TRUE(forge().SetStatus(Sha('a'), failed).ok());
  const auto broken = CommitStatus{.state = CommitStatus::State::kError, .context = "d"};
  EXPECT_TRUE(forge().SetStatus(Sha('a'), broken).ok());
  const CommitStatus full{.context = "e",
                          .description = std::string(world_.forge->traits().status_bytes, 'x')};
  EXPECT_TRUE(forge().SetStatus(Sha('a'), full).ok());
}

// E8: a search that ends with the first hundred makes a second sticky comment.
TEST_P(ForgeConformanceTest, ReadsAllCommentsOldestFirst) {
  const PullRequest pull = OpenOne();
  const ForgeComment first = forge().AddComment(pull.number, "mine").value();
  EXPECT_TRUE(first.mine);
  for (int i = 0; i < 129; ++i) fake().Comment(pull.number, "ana", absl::StrCat("comment ", i));
  fake().Comment(pull.number, "ana", "changed the title", /*system=*/true);
  fake().SetUser("robot", ForgeRole::kRead, /*bot=*/true);
  fake().Comment(pull.number, "robot", "beep");
  const auto comments = forge().Comments(pull.number);
  ASSERT_TRUE(comments.ok()) << comments.status();
  // GitHub and Gitea have no comments of their own; there it is somebody's.
  const std::size_t others = comments->size() - 131;
  EXPECT_LE(others, 1u);
  EXPECT_EQ(comments->front().id, first.id);
  EXPECT_TRUE(comments->front().mine);
  EXPECT_EQ(comments->front().body, "mine");
  EXPECT_EQ(comments->at(100).body, "comment 99");
  EXPECT_EQ(comments->at(100).author, "ana");
  EXPECT_FALSE(comments->at(100).mine);
  EXPECT_EQ(comments->back().body, "beep");
}

TEST_P(ForgeConformanceTest, EditsDeletesAndSaysWhatIsGone) {
  const PullRequest pull = OpenOne();
  const std::string id = forge().AddComment(pull.number, "one").value().id;
  EXPECT_FALSE(forge().Comments(pull.number).value().front().edited);
  EXPECT_TRUE(forge().EditComment(pull.number, id, "two").ok());
  EXPECT_EQ(forge().Comments(pull.number).value().front().body, "two");
  EXPECT_TRUE(forge().Comments(pull.number).value().front().edited);
  fake().RemoveComment(id);
  EXPECT_TRUE(absl::IsNotFound(forge().EditComment(pull.number, id, "three")));
  EXPECT_TRUE(forge().DeleteComment(pull.number, id).ok());
  const std::string other = forge().AddComment(pull.number, "x").value().id;
  EXPECT_TRUE(forge().DeleteComment(pull.number, other).ok());
  EXPECT_THAT(forge().Comments(pull.number).value(), SizeIs(0));
}

TEST_P(ForgeConformanceTest, CommentsAsLongAsTheTraitsSayAreTaken) {
  const PullRequest pull = OpenOne();
  const std::size_t most = world_.forge->traits().comment_bytes;
  EXPECT_TRUE(forge().AddComment(pull.number, std::string(most, 'x')).ok());
  if (!world_.fake->bounds_comments()) return;
  EXPECT_TRUE(absl::IsInvalidArgument(
      forge().AddComment(pull.number, std::string(1'000'001, 'x')).status()));
}

TEST_P(ForgeConformanceTest, ShowsThatACommentWasSeen) {
  const PullRequest pull = OpenOne();
  const std::string id = fake().Comment(pull.number, "ana", "/espalier plan");
  EXPECT_TRUE(forge().Acknowledge(pull.number, id).ok());
  EXPECT_THAT(fake().snapshot().comments.at(std::stoll(id)).reactions,
              ElementsAre(testing::Pair(world_.login, "eyes")));
}

TEST_P(ForgeConformanceTest, RemarksOnLinesOnce) {
  const PullRequest pull = OpenOne();
  const std::vector<LineNote> notes = {{.path = "pool.yaml",
                                        .first_line = 11,
                                        .last_line = 12,
                                        .title = "unknown_field",
                                        .message = "`cpus` is <b>unknown</b> to @team"},
                                       {.path = "pool.yaml",
                                        .first_line = 14,
                                        .last_line = 14,
                                        .message = "second",
                                        .old_line = 13}};
  absl::Status added = forge().AddLineNotes(pull, notes);
  ASSERT_TRUE(added.ok()) << added;
  EXPECT_TRUE(forge().AddLineNotes(pull, notes).ok());
  const std::vector<FakeNote> there = fake().snapshot().notes;
  ASSERT_THAT(there, SizeIs(2));
  EXPECT_EQ(there[0].line, 12);
  EXPECT_THAT(there[0].body, Not(HasSubstr("<b>")));
  EXPECT_THAT(there[0].body, Not(HasSubstr(" @team")));
  EXPECT_EQ(there[1].line, 14);
  EXPECT_EQ(there[1].commit, Sha('a'));

  const LineNote outside{.path = "pool.yaml", .first_line = 30, .last_line = 30, .message = "x"};
  added = forge().AddLineNotes(pull, {outside});
  // Gitea does not look.
  EXPECT_TRUE(absl::IsInvalidArgument(added) || std::string(GetParam()) == "gitea") << added;
  EXPECT_THAT(fake().snapshot().notes, SizeIs(2));
}

TEST_P(ForgeConformanceTest, KnowsWhatAUserMay) {
  for (const ForgeRole role :
       {ForgeRole::kNone, ForgeRole::kRead, ForgeRole::kWrite, ForgeRole::kAdmin}) {
    fake().SetUser("eve", role);
    const auto found = forge().RoleOf("eve");
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(*found, role);
  }
  EXPECT_EQ(forge().RoleOf("nobody-knows").value(), ForgeRole::kNone);
  // A name is one part of a path, whatever it holds.
  EXPECT_EQ(forge().RoleOf("../ana").value(), ForgeRole::kNone);
}

TEST_P(ForgeConformanceTest, KeepsIssuesOfOneLabel) {
  const auto made = forge().AddIssue("Drift", "body", "espalier/prod");
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(forge().AddIssue("Other", "body", "espalier/test").ok());
  auto open = forge().OpenIssues("espalier/prod");
  ASSERT_TRUE(open.ok()) << open.status();
  ASSERT_THAT(*open, SizeIs(1));
  EXPECT_EQ(open->front().number, made->number);
  EXPECT_TRUE(open->front().mine);
  EXPECT_TRUE(forge().EditIssue(made->number, "Drift: 2", "more").ok());
  open = forge().OpenIssues("espalier/prod");
  EXPECT_EQ(open->front().title, "Drift: 2");
  EXPECT_EQ(open->front().body, "more");
  EXPECT_TRUE(forge().CloseIssue(made->number).ok());
  EXPECT_THAT(forge().OpenIssues("espalier/prod").value(), SizeIs(0));
  EXPECT_TRUE(absl::IsNotFound(forge().EditIssue(4711, "x", "y")));
}

TEST_P(ForgeConformanceTest, ProposesAChange) {
  fake().SetFile("pools/a.yaml", "old\n");
  const ProposedChange change{.branch = "espalier/accept-1",
                              .base_sha = Sha('d'),
                              .base_branch = "main",
                              .files = {{"pools/a.yaml", "a: 1\n"}, {"new/b.yaml", "b: \xff\n"}},
                              .title = "Accept drift",
                              .body = "as it is"};
  const auto pull = forge().Propose(change);
  ASSERT_TRUE(pull.ok()) << pull.status();
  EXPECT_EQ(pull->head_branch, "espalier/accept-1");
  EXPECT_EQ(pull->base_branch, "main");
  EXPECT_EQ(pull->title, "Accept drift");
  const FakeProject project = fake().snapshot();
  const FakeCommit commit = project.commits.at(project.branches.at("espalier/accept-1"));
  EXPECT_EQ(commit.parent, Sha('d'));
  EXPECT_EQ(commit.files.at("pools/a.yaml"), "a: 1\n");
  EXPECT_EQ(commit.files.at("new/b.yaml"), "b: \xff\n");
  // Again, as after a crash: nothing is made twice, and nothing is written.
  const std::size_t asked = fake().requests().size();
  const auto again = forge().Propose(change);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->number, pull->number);
  for (std::size_t i = asked; i < fake().requests().size(); ++i) {
    EXPECT_EQ(fake().requests()[i].method, "GET");
  }
  EXPECT_EQ(fake().snapshot().branches, project.branches);
}

TEST_P(ForgeConformanceTest, BringsWhatItHasProposedUpToDate) {
  fake().SetFile("a.yaml", "a: 0\n");
  fake().SetFile("b.yaml", "b: 0\n");
  fake().Push("main", Sha('c'), Sha('d'));
  ProposedChange change{.branch = "espalier/accept-1",
                        .base_sha = Sha('d'),
                        .base_branch = "main",
                        .files = {{"a.yaml", "a: 1\n"}, {"b.yaml", "b: 1\n"}},
                        .title = "Accept drift",
                        .body = "two"};
  const auto first = forge().Propose(change);
  ASSERT_TRUE(first.ok()) << first.status();
  // One file less, on a base that has moved.
  fake().Push("main", Sha('d'), Sha('e'));
  change.base_sha = Sha('e');
  change.files = {{"a.yaml", "a: 2\n"}};
  change.body = "one";
  const auto second = forge().Propose(change);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->number, first->number);
  const FakeProject project = fake().snapshot();
  EXPECT_EQ(project.pulls.size(), 1u);
  EXPECT_EQ(project.pulls.at(first->number).body, "one");
  EXPECT_EQ(project.pulls.at(first->number).head_sha, second->head_sha);
  EXPECT_EQ(FileAt(project, change.branch, "a.yaml"), "a: 2\n");
  EXPECT_EQ(FileAt(project, change.branch, "b.yaml"), "b: 0\n");
  EXPECT_TRUE(forge().Propose(change).ok());
  EXPECT_EQ(fake().snapshot().branches, project.branches);

  // What is left of one that was closed is no pull request.
  fake().SetState(first->number, PullRequest::State::kClosed);
  change.files = {{"a.yaml", "a: 3\n"}};
  const auto third = forge().Propose(change);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_NE(third->number, first->number);
  EXPECT_EQ(FileAt(fake().snapshot(), change.branch, "a.yaml"), "a: 3\n");
}

TEST_P(ForgeConformanceTest, LeavesToItsPlaceWhatOthersHavePushed) {
  fake().SetFile("a.yaml", "a: 0\n");
  ProposedChange change{.branch = "espalier/accept-1",
                        .base_sha = Sha('d'),
                        .base_branch = "main",
                        .files = {{"a.yaml", "a: 1\n"}},
                        .title = "Accept drift"};
  ASSERT_TRUE(forge().Propose(change).ok());
  fake().Push(change.branch, Sha('d'), Sha('e'));
  change.files.front().bytes = "a: 2\n";
  const absl::Status refused = forge().Propose(change).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_EQ(fake().snapshot().branches.at(change.branch), Sha('e'));
}

TEST_P(ForgeConformanceTest, SaysThatItMayNotProposeAndLeavesNothing) {
  const ProposedChange change{.branch = "espalier/accept-1",
                              .base_sha = Sha('d'),
                              .base_branch = "main",
                              .files = {{"a.yaml", "a: 1\n"}},
                              .title = "Accept drift"};
  fake().Protect(change.branch);
  absl::Status refused = forge().Propose(change).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused) || absl::IsPermissionDenied(refused)) << refused;
  fake().DenyContents(true);
  refused = forge().Propose(change).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_TRUE(fake().snapshot().pulls.empty());
  EXPECT_FALSE(fake().snapshot().branches.contains(change.branch));
}

TEST_P(ForgeConformanceTest, TalksAboutAnIssue) {
  // On GitLab the pull request has the same number.
  OpenOne();
  const std::int64_t issue = forge().AddIssue("Drift", "body", "espalier/prod")->number;
  const std::string id = fake().CommentOnIssue(issue, "ana", "/espalier accept-drift");
  EXPECT_TRUE(forge().AcknowledgeOnIssue(issue, id).ok());
  const auto added = forge().AddIssueComment(issue, "done");
  ASSERT_TRUE(added.ok()) << added.status();
  const auto comments = forge().IssueComments(issue);
  ASSERT_TRUE(comments.ok()) << comments.status();
  ASSERT_THAT(*comments, SizeIs(2));
  EXPECT_EQ(comments->front().id, id);
  EXPECT_EQ(comments->front().author, "ana");
  EXPECT_FALSE(comments->front().mine);
  EXPECT_TRUE(comments->back().mine);
  EXPECT_EQ(comments->back().body, "done");
  EXPECT_THAT(fake().snapshot().comments.at(std::stoll(id)).reactions,
              ElementsAre(testing::Pair(world_.login, "eyes")));
  EXPECT_TRUE(absl::IsNotFound(forge().AddIssueComment(4711, "x").status()));
}

TEST_P(ForgeConformanceTest, LeavesNoBranchWithoutAPullRequest) {
  const ProposedChange change{.branch = "espalier/accept-1",
                              .base_sha = Sha('d'),
                              .base_branch = "main",
                              .files = {{"a.yaml", "a: 1\n"}},
                              .title = "Accept drift"};
  fake().FailNext(1, 502, world_.pulls_path, /*writes_only=*/true);
  EXPECT_TRUE(absl::IsUnavailable(forge().Propose(change).status()));
  EXPECT_FALSE(fake().snapshot().branches.contains("espalier/accept-1"));
  const auto pull = forge().Propose(change);
  EXPECT_TRUE(pull.ok()) << pull.status();
}

// E14.
TEST_P(ForgeConformanceTest, E14LeavesTheForgeAloneForAsLongAsItSays) {
  const PullRequest pull = OpenOne();
  fake().Limit(absl::Seconds(90));
  const absl::Status limited = forge().AddComment(pull.number, "x").status();
  EXPECT_TRUE(absl::IsResourceExhausted(limited)) << limited;
  EXPECT_EQ(RetryAfter(limited), absl::Seconds(90));
  const std::size_t asked = fake().requests().size();
  EXPECT_TRUE(absl::IsResourceExhausted(forge().AddComment(pull.number, "x").status()));
  EXPECT_TRUE(absl::IsResourceExhausted(forge().OpenPullRequests("main").status()));
  EXPECT_EQ(fake().requests().size(), asked);
  clock_.Advance(absl::Seconds(90));
  EXPECT_TRUE(forge().AddComment(pull.number, "x").ok());
}

TEST_P(ForgeConformanceTest, AsksOnceWhenTheForgeIsInTrouble) {
  const PullRequest pull = OpenOne();
  for (const int status : {500, 502, 503, 504}) {
    fake().FailNext(3, status);
    const std::size_t asked = fake().requests().size();
    EXPECT_TRUE(absl::IsUnavailable(forge().GetPullRequest(pull.number).status()));
    EXPECT_TRUE(absl::IsUnavailable(forge().EditComment(pull.number, "1", "x")));
    EXPECT_TRUE(absl::IsUnavailable(forge().OpenPullRequests("main").status()));
    EXPECT_EQ(fake().requests().size(), asked + 3);
  }
  EXPECT_TRUE(forge().GetPullRequest(pull.number).ok());
}

// E13.
TEST_P(ForgeConformanceTest, E13SaysThatTheTokenIsNoGoodAndDoesNotSayTheToken) {
  const PullRequest pull = OpenOne();
  fake().RevokeToken(world_.token);
  const absl::Status refused = forge().AddComment(pull.number, "x").status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(refused.ToString(), Not(HasSubstr(world_.token)));
}

TEST_P(ForgeConformanceTest, E13SaysThatAPermissionIsMissing) {
  const PullRequest pull = OpenOne();
  fake().SetUser(world_.login, ForgeRole::kRead);
  const absl::Status refused = forge().AddComment(pull.number, "x").status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  fake().SetUser(world_.login, ForgeRole::kNone);
  EXPECT_TRUE(absl::IsNotFound(forge().OpenPullRequests("main").status()));
}

TEST_P(ForgeConformanceTest, SendsTheTokenNowhereElse) {
  TestHttpServer thief(*threads_, [](const ServerRequest&) { return ServerAnswer{.body = "[]"}; });
  TestHttpServer door(*threads_, [&](const ServerRequest& request) {
    return ServerAnswer{.status = 302, .headers = {{"Location", thief.url() + request.path}}};
  });
  const auto forge = MakeForgeOf(GetParam(), clock_, *http_, door.url(), "acme/fleet", "secret");
  EXPECT_TRUE(absl::IsPermissionDenied(forge->GetPullRequest(1).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(forge->EditComment(1, "1", "x")));
  EXPECT_THAT(thief.requests(), SizeIs(0));
}

INSTANTIATE_TEST_SUITE_P(Forges, ForgeConformanceTest, testing::ValuesIn(kForgeWorlds),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace espalier
