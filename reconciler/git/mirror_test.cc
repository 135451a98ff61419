#include "reconciler/git/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "reconciler/git/history.h"
#include "reconciler/git/tree.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::Not;

// The fetch runs in this process: what the child adds is tested in fetch_child_test.cc.
class MirrorTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Update(const std::string& url, const std::string& ref = "main") {
    absl::StatusOr<FetchAnswer> answer =
        mirror_.Update({.url = url, .ref = absl::StrCat("refs/heads/", ref)});
    if (!answer.ok()) return answer.status();
    return answer->commit;
  }
  absl::StatusOr<std::string> Update() { return Update(repository_.path()); }
  absl::Status Open(const std::string& commit) {
    absl::StatusOr<std::shared_ptr<const OpenRepository>> repository = mirror_.Open();
    return repository.ok() ? GitTree::Open(*std::move(repository), commit).status()
                           : repository.status();
  }
  std::vector<std::string> Generations() {
    std::vector<std::string> names;
    const std::vector<std::string> all = io_->List(cache_).value();
    for (const std::string& name : all) {
      if (absl::StartsWith(name, "g")) names.push_back(name);
    }
    return names;
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  const std::string cache_ = absl::StrCat(dir_.path(), "/cache");
  int fetches_ = 0;
  Mirror mirror_{library_, *io_,
                 [this](const FetchRequest& request) {
                   ++fetches_;
                   return FetchIntoMirror(library_, request);
                 },
                 cache_};
};

TEST_F(MirrorTest, FollowsABranchThroughPushesAndForcePushes) {
  const std::string first = repository_.CommitText({{"a.yaml", "1"}});
  EXPECT_EQ(*Update(), first);
  const std::string second = repository_.CommitText({{"a.yaml", "2"}});
  EXPECT_EQ(*Update(), second);
  EXPECT_TRUE(Follows(**mirror_.Open(), second, first));
  repository_.DeleteBranch();
  const std::string other = repository_.CommitText({{"a.yaml", "3"}});
  EXPECT_EQ(*Update(), other);
  EXPECT_FALSE(Follows(**mirror_.Open(), other, second));
  EXPECT_TRUE(Open(second).ok()) << "what was applied can still be read";
  EXPECT_THAT(Generations(), ElementsAre("g1"));
}

TEST_F(MirrorTest, SaysThatABranchIsGoneAndKeepsWhatItHas) {
  const std::string commit = repository_.CommitText({{"a.yaml", "1"}});
  ASSERT_TRUE(Update().ok());
  repository_.DeleteBranch();
  EXPECT_EQ(Update().status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Open(commit).ok());
}

TEST_F(MirrorTest, ClonesAnewWhenItsFilesAreDamaged) {
  const std::string commit = repository_.CommitText({{"a.yaml", "1"}});
  ASSERT_TRUE(Update().ok());
  const std::vector<std::string> objects = io_->List(absl::StrCat(cache_, "/g1/objects")).value();
  for (const std::string& name : objects) {
    ASSERT_TRUE(io_->RemoveAll(absl::StrCat(cache_, "/g1/objects/", name)).ok());
  }
  ASSERT_TRUE(io_->WriteFile(absl::StrCat(cache_, "/g1/HEAD"), "nonsense", 0600).ok());
  EXPECT_EQ(*Update(), commit);
  EXPECT_THAT(Generations(), ElementsAre("g2"));
  EXPECT_TRUE(Open(commit).ok());
}

TEST_F(MirrorTest, ClonesAnewWhenTold) {
  const std::string commit = repository_.CommitText({{"a.yaml", "1"}});
  ASSERT_TRUE(Update().ok());
  mirror_.Discard();
  EXPECT_EQ(*Update(), commit);
  EXPECT_THAT(Generations(), ElementsAre("g2"));
}

TEST_F(MirrorTest, DoesNotMixRepositories) {
  const std::string first = repository_.CommitText({{"a.yaml", "1"}});
  TestRepository other(library_, absl::StrCat(dir_.path(), "/other.git"));
  const std::string second = other.CommitText({{"b.yaml", "2"}});
  EXPECT_EQ(*Update(repository_.path()), first);
  EXPECT_EQ(*Update(other.path()), second);
  EXPECT_EQ(Open(first).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Generations(), ElementsAre("g2"));
}

TEST_F(MirrorTest, KeepsTheOldCopyWhenACloneFails) {
  const std::string commit = repository_.CommitText({{"a.yaml", "1"}});
  ASSERT_TRUE(Update().ok());
  EXPECT_FALSE(Update(absl::StrCat(dir_.path(), "/none.git")).ok());
  EXPECT_TRUE(Open(commit).ok());
}

TEST_F(MirrorTest, SweepsWhatAKilledFetchLeft) {
  repository_.CommitText({{"a.yaml", "1"}});
  ASSERT_TRUE(Update().ok());
  const std::string pack = absl::StrCat(cache_, "/g1/objects/pack");
  ASSERT_TRUE(io_->WriteFile(absl::StrCat(pack, "/pack_git2_x1"), "half", 0600).ok());
  ASSERT_TRUE(io_->WriteFile(absl::StrCat(cache_, "/g1/refs/espalier/head.lock"), "", 0600).ok());
  const std::string next = repository_.CommitText({{"a.yaml", "2"}});
  EXPECT_EQ(*Update(), next);
  EXPECT_THAT(*io_->List(pack), Not(::testing::Contains("pack_git2_x1")));
}

TEST_F(MirrorTest, ClonesAnewWhenThereAreTooManyPacksThatNothingNeeds) {
  const std::string base = repository_.CommitText({{"a.yaml", "1"}});
  ASSERT_TRUE(Update().ok());
  const int pulls = static_cast<int>(limits::kMirrorPacks) + 5;
  for (int number = 1; number <= pulls; ++number) {
    const std::string name = absl::StrCat("refs/pull/", number, "/head");
    repository_.SetRef(name, repository_.Write({.files = {{"a.yaml", {absl::StrCat("p", number)}}},
                                                .parents = {base}}));
    ASSERT_TRUE(
        mirror_
            .Add({.url = repository_.path(), .ref = name, .keep_as = absl::StrCat("pull/", number)})
            .ok());
  }
  EXPECT_EQ(*Update(), base);
  EXPECT_THAT(Generations(), ElementsAre("g1")) << "each of them is still kept";
  for (int number = 1; number <= pulls; ++number) mirror_.Drop(absl::StrCat("pull/", number));
  EXPECT_EQ(*Update(), base);
  EXPECT_THAT(Generations(), ElementsAre("g2"));
}

TEST_F(MirrorTest, StopsARepositoryThatSendsTooMuch) {
  repository_.CommitText({{"a.yaml", std::string(100000, 'x')}});
  const absl::Status status = FetchIntoMirror(library_, {.url = repository_.path(),
                                                         .ref = "refs/heads/main",
                                                         .mirror = absl::StrCat(dir_.path(), "/m"),
                                                         .max_bytes = 10})
                                  .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace espalier
