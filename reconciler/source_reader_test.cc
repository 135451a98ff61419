#include "reconciler/source_reader.h"

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
using ::testing::IsEmpty;
using ::testing::Pair;

class SourceReaderTest : public testing::Test {
 protected:
  SourceReaderTest() { spec_.set_repository(repository_.path()); }

  ReadResult Read(const std::string& previous = "") {
    return reader_.Read({.spec = spec_, .previous = previous});
  }
  std::string Commit(const std::string& branch = "main") {
    return repository_.CommitText({{"README.md", "none of ours"}}, branch);
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  v1::GitSourceSpec spec_;
  SourceReader reader_{
      library_,
      *io_,
      [this](const FetchRequest& request) { return FetchIntoMirror(library_, request); },
      absl::StrCat(dir_.path(), "/cache"),
      "",
      Environment()};
};

TEST_F(SourceReaderTest, TellsANewTagOfARangeFromATagThatMoved) {
  spec_.mutable_tags()->set_range("^1");
  const std::string first = Commit("one");
  repository_.SetRef("refs/tags/v1.0.0", first);
  EXPECT_EQ(Read().commit, first);
  // Each release may have a branch of its own.
  const std::string second = Commit("two");
  repository_.SetRef("refs/tags/v1.1.0", second);
  const ReadResult newer = Read(first);
  EXPECT_EQ(newer.commit, second);
  EXPECT_EQ(newer.ref, "refs/tags/v1.1.0");
  EXPECT_FALSE(newer.rewritten);
  repository_.SetRef("refs/tags/v1.1.0", Commit("three"));
  EXPECT_TRUE(Read(second).rewritten);
}

TEST_F(SourceReaderTest, A8AMovedTagIsARewrittenHistoryAndAChangedPinIsNot) {
  const std::string first = Commit();
  const std::string second = Commit();
  spec_.set_ref("refs/tags/v1");
  repository_.SetRef("refs/tags/v1", second);
  EXPECT_FALSE(Read(second).rewritten);
  EXPECT_TRUE(Read(first).rewritten) << "it moved on";
  repository_.SetRef("refs/tags/v1", first);
  EXPECT_TRUE(Read(second).rewritten);
  repository_.SetRef("refs/tags/v1", second);
  spec_.set_commit(first);
  const ReadResult pinned = Read(second);
  EXPECT_EQ(pinned.commit, first);
  EXPECT_FALSE(pinned.rewritten);
}

TEST_F(SourceReaderTest, NamesTheHeadsOfPullRequestsWhereThereIsAForge) {
  const std::string commit = Commit();
  repository_.SetRef("refs/pull/7/head", commit);
  repository_.SetRef("refs/merge-requests/8/head", commit);
  EXPECT_THAT(Read().pull_heads, IsEmpty());
  spec_.mutable_forge()->set_type(v1::Forge::GITHUB);
  EXPECT_THAT(Read().pull_heads, ElementsAre(Pair(7, commit)));
  spec_.mutable_forge()->set_type(v1::Forge::GITLAB);
  EXPECT_THAT(Read().pull_heads, ElementsAre(Pair(8, commit)));
}

TEST_F(SourceReaderTest, SaysWhatOfTheSpecCannotBe) {
  Commit();
  const auto expect_refused = [this](const char* message) {
    const absl::Status status = Read().fetched;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  };
  spec_.mutable_tags()->set_range("newest");
  expect_refused("tags.range: \"newest\" is no comparison");
  spec_.mutable_tags()->set_range("1");
  spec_.mutable_tags()->set_prefix("../");
  expect_refused("tags.prefix");
  spec_.set_commit(std::string(40, 'a'));
  expect_refused("not both");
}

}  // namespace
}  // namespace espalier
