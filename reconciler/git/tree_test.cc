#include "reconciler/git/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Mode = TestFile::Mode;

class GitTreeTest : public testing::Test {
 protected:
  std::unique_ptr<GitTree> Open(const std::string& commit) {
    absl::StatusOr<std::unique_ptr<GitTree>> tree =
        GitTree::Open(*OpenRepository::Open(library_, repository_.path()), commit);
    EXPECT_TRUE(tree.ok()) << tree.status();
    return *std::move(tree);
  }
  std::vector<std::string> Paths(const GitTree& tree, const std::string& folder = ".") {
    const absl::StatusOr<std::vector<FoundFile>> files = tree.List(folder, problems_);
    EXPECT_TRUE(files.ok()) << files.status();
    std::vector<std::string> paths;
    for (const FoundFile& file : *files) paths.push_back(file.path);
    return paths;
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  Problems problems_;
};

TEST_F(GitTreeTest, ListsAndReadsTheFilesOfAFolder) {
  const auto tree = Open(repository_.CommitText(
      {{"a.yaml", "1"}, {"prod/b.yaml", "22"}, {"prod/x/c.json", "333"}, {"README.md", "r"}}));
  EXPECT_THAT(Paths(*tree), ElementsAre("a.yaml", "prod/b.yaml", "prod/x/c.json"));
  EXPECT_THAT(Paths(*tree, "prod"), ElementsAre("prod/b.yaml", "prod/x/c.json"));
  EXPECT_THAT(Paths(*tree, "prod/x"), ElementsAre("prod/x/c.json"));
  const auto files = tree->List("prod/x", problems_);
  EXPECT_EQ(*tree->Read((*files)[0].id), "333");
  EXPECT_TRUE(problems_.empty());
}

TEST_F(GitTreeTest, TellsAMissingFolderFromAnEmptyRepository) {
  const auto empty = Open(repository_.CommitText({}));
  EXPECT_THAT(Paths(*empty), IsEmpty());
  EXPECT_EQ(empty->List("prod", problems_).status().code(), absl::StatusCode::kNotFound);
  const auto file = Open(repository_.CommitText({{"prod", "a file"}}));
  EXPECT_EQ(file->List("prod", problems_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(file->List("../x", problems_).status().code(), absl::StatusCode::kInvalidArgument);
}

struct BadTree {
  std::string name;
  std::map<std::string, TestFile> files;
  std::string path;
  std::string message;
};

TEST_F(GitTreeTest, RefusesOddEntriesWithTheirPath) {
  const std::vector<BadTree> cases = {
      {"Symlink", {{"a/l.yaml", {"/etc/passwd", Mode::kSymlink}}}, "a/l.yaml", "symbolic link"},
      {"SymlinkToFolder", {{"l", {"..", Mode::kSymlink}}}, "l", "symbolic link"},
      {"Submodule", {{"sub", {"", Mode::kSubmodule}}}, "sub", "submodule"},
      {"DotDot", {{"../a.yaml", {"x"}}}, "..", "not a name"},
      {"Backslash", {{"a\\b.yaml", {"x"}}}, "a\\\\b.yaml", "backslash"},
      {"Control", {{"a\nb.yaml", {"x"}}}, "a\\nb.yaml", "U+000A"},
      {"NotUtf8", {{"a\xFF.yaml", {"x"}}}, "a\\377.yaml", "UTF-8"},
      {"Case", {{"A/x.yaml", {"x"}}, {"a/x.yaml", {"x"}}}, "a", "only in case"},
      {"Long", {{std::string(300, 'a'), {"x"}}}, std::string(300, 'a'), "longer"},
      {"ShortGit", {{"git~1/a.yaml", {"x"}}}, "git~1", ".git"},
      {"Large",
       {{"big.yaml", {std::string(limits::kDocumentBytes + 1, '#')}}},
       "big.yaml",
       "at most"},
  };
  for (const BadTree& bad : cases) {
    SCOPED_TRACE(bad.name);
    std::map<std::string, TestFile> files = bad.files;
    files["ok.yaml"] = {"ok"};
    const auto tree = Open(repository_.Commit(files));
    problems_ = Problems();
    Paths(*tree);
    ASSERT_EQ(problems_.list().size(), 1u);
    EXPECT_EQ(problems_.list()[0].file(), bad.path);
    EXPECT_THAT(problems_.list()[0].message(), HasSubstr(bad.message));
    EXPECT_TRUE(problems_.HasErrors());
  }
}

TEST_F(GitTreeTest, OpensCommitsOnly) {
  const auto repository = *OpenRepository::Open(library_, repository_.path());
  EXPECT_EQ(GitTree::Open(repository, std::string(40, '1')).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(GitTree::Open(repository, "main").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace espalier
