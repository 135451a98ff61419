// Which ref is followed, against repositories on the disk and in this process.
#include "reconciler/git/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class FetchTest : public testing::Test {
 protected:
  absl::StatusOr<FetchAnswer> Fetch(FetchRequest request) {
    request.url = repository_.path();
    request.mirror = mirror_;
    request.max_bytes = 1 << 30;
    return FetchIntoMirror(library_, request);
  }
  std::string Commit(const std::string& text) { return repository_.CommitText({{"a.yaml", text}}); }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  const std::string mirror_ = absl::StrCat(dir_.path(), "/m");
};

TEST_F(FetchTest, FollowsTagsToTheirCommits) {
  const std::string first = Commit("1");
  const std::string second = Commit("2");
  repository_.SetRef("refs/tags/plain", first);
  repository_.AnnotateTag("annotated", second);
  EXPECT_EQ(Fetch({.ref = "refs/tags/plain"})->commit, first);
  EXPECT_EQ(Fetch({.ref = "refs/tags/annotated"})->commit, second);
}

TEST_F(FetchTest, FollowsAnyFullRef) {
  const std::string commit = Commit("1");
  repository_.SetRef("refs/environments/prod", commit);
  const absl::StatusOr<FetchAnswer> answer = Fetch({.ref = "refs/environments/prod"});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->commit, commit);
  EXPECT_EQ(answer->ref, "refs/environments/prod");
}

TEST_F(FetchTest, FollowsTheNewestTagOfARange) {
  repository_.AnnotateTag("fleet-1.2.0", Commit("1"));
  const std::string second = Commit("2");
  repository_.AnnotateTag("fleet-1.10.0", second);
  repository_.SetRef("refs/tags/fleet-2.0.0", Commit("3"));
  const FetchRequest request = {.tags = TagRange{.range = "^1.2", .prefix = "fleet-"}};
  const absl::StatusOr<FetchAnswer> answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->commit, second);
  EXPECT_EQ(answer->ref, "refs/tags/fleet-1.10.0");
  const std::string fourth = Commit("4");
  repository_.SetRef("refs/tags/fleet-1.11.0", fourth);
  EXPECT_EQ(Fetch(request)->commit, fourth);
}

TEST_F(FetchTest, StaysAtACommitThatTheRefContains) {
  const std::string first = Commit("1");
  const std::string second = Commit("2");
  const FetchRequest pinned = {.ref = "refs/heads/main", .commit = first};
  EXPECT_EQ(Fetch(pinned)->commit, first);
  EXPECT_EQ(Fetch({.ref = "refs/heads/main", .commit = second})->commit, second);
  Commit("3");
  EXPECT_EQ(Fetch(pinned)->commit, first);
  // The mirror still has it, but the branch no longer does.
  repository_.DeleteBranch();
  Commit("4");
  const absl::Status status = Fetch(pinned).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not contain the commit"));
  EXPECT_FALSE(Fetch({.ref = "refs/heads/main", .commit = std::string(40, 'a')}).ok());
}

TEST_F(FetchTest, NamesTheHeadsOfPullRequests) {
  const std::string main = Commit("1");
  const std::string other = repository_.CommitText({{"a.yaml", "2"}}, "other");
  repository_.SetRef("refs/pull/7/head", other);
  EXPECT_TRUE(Fetch({.ref = "refs/heads/main"})->pull_heads.empty());
  const absl::StatusOr<FetchAnswer> answer =
      Fetch({.ref = "refs/heads/main", .pull_heads_prefix = "refs/pull/"});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->commit, main);
  EXPECT_THAT(answer->pull_heads, ElementsAre(Pair(7, other)));
}

}  // namespace
}  // namespace espalier
