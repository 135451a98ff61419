#include "reconciler/git/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/io.h"
#include "reconciler/git/change.h"
#include "reconciler/git/git_limits.h"
#include "reconciler/git/history.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Files = std::map<std::string, TestFile>;
using Kind = MergeConflict::Kind;

// "1\n2\n...", with some lines replaced.
std::string Numbers(int count, const std::map<int, std::string>& replaced = {}) {
  std::string text;
  for (int i = 1; i <= count; ++i) {
    const auto other = replaced.find(i);
    absl::StrAppend(&text, other == replaced.end() ? absl::StrCat(i, "\n") : other->second);
  }
  return text;
}

// Two branches, `ours` (the target) and `theirs` (the head), of one commit.
class MergeTest : public testing::Test {
 protected:
  absl::StatusOr<MergeResult> Merge(const Files& base, const Files& ours, const Files& theirs) {
    base_ = repository_.Write({.files = base});
    ours_ = repository_.Write({.files = ours, .parents = {base_}});
    theirs_ = repository_.Write({.files = theirs, .parents = {base_}});
    return MergeAgain(base_);
  }
  absl::StatusOr<MergeResult> MergeAgain(const std::string& base) {
    open_ = *OpenRepository::Open(library_, repository_.path());
    return MergeInMemory(open_, base, ours_, theirs_);
  }
  // All files of a tree with their text.
  std::map<std::string, std::string> TextOf(const GitTree& tree) {
    Problems problems;
    std::map<std::string, std::string> texts;
    const auto files = tree.List(".", problems);
    EXPECT_TRUE(files.ok()) << files.status();
    for (const FoundFile& file : *files) texts[file.path] = *tree.Read(file.id);
    EXPECT_TRUE(problems.empty());
    return texts;
  }
  std::unique_ptr<GitTree> Tree(const std::string& commit) { return *GitTree::Open(open_, commit); }
  std::vector<ChangedFile> Changes(const std::string& folder = ".") {
    const auto files = ChangesBetween(*Tree(base_), *Tree(theirs_), folder);
    EXPECT_TRUE(files.ok()) << files.status();
    return files.value_or(std::vector<ChangedFile>());
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  std::shared_ptr<const OpenRepository> open_;
  std::string base_;
  std::string ours_;
  std::string theirs_;
};

TEST_F(MergeTest, CombinesWhatBothSidesChanged) {
  const auto merged =
      Merge({{"a.yaml", {Numbers(20)}}, {"x/gone.yaml", {"g"}}},
            {{"a.yaml", {Numbers(20, {{2, "two\n"}})}}, {"x/gone.yaml", {"g"}}, {"n.yaml", {"n"}}},
            {{"a.yaml", {Numbers(20, {{19, "nineteen\nand more\n"}})}}, {"y/z.yaml", {"z"}}});
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_THAT(merged->conflicts, IsEmpty());
  EXPECT_THAT(TextOf(*merged->tree),
              ElementsAre(Pair("a.yaml", Numbers(20, {{2, "two\n"}, {19, "nineteen\nand more\n"}})),
                          Pair("n.yaml", "n"), Pair("y/z.yaml", "z")));
}

TEST_F(MergeTest, WritesNothingIntoTheRepository) {
  const std::unique_ptr<Io> io = MakeRealIo();
  ASSERT_TRUE(Merge({{"a.yaml", {Numbers(9)}}}, {{"a.yaml", {Numbers(9, {{1, "x\n"}})}}},
                    {{"a.yaml", {Numbers(9, {{9, "y\n"}})}}})
                  .ok());
  const std::string objects = absl::StrCat(repository_.path(), "/objects");
  const auto count = [&] {
    std::size_t found = 0;
    const std::vector<std::string> folders = io->List(objects).value();
    for (const std::string& folder : folders) {
      found += io->List(absl::StrCat(objects, "/", folder)).value().size();
    }
    return found;
  };
  const std::size_t before = count();
  const auto merged = MergeAgain(base_);
  ASSERT_TRUE(merged.ok());
  EXPECT_THAT(TextOf(*merged->tree), SizeIs(1));
  EXPECT_EQ(count(), before);
}

TEST_F(MergeTest, TakesTheOtherSideWhereOnlyOneWentOn) {
  base_ = repository_.Write({.files = {{"a.yaml", {"1"}}}});
  ours_ = base_;
  theirs_ = repository_.Write({.files = {{"a.yaml", {"2"}}}, .parents = {base_}});
  EXPECT_THAT(TextOf(*MergeAgain(base_)->tree), ElementsAre(Pair("a.yaml", "2")));
  std::swap(ours_, theirs_);
  EXPECT_THAT(TextOf(*MergeAgain(base_)->tree), ElementsAre(Pair("a.yaml", "2")))
      << "the head is merged already";
}

TEST_F(MergeTest, FollowsAFileThatOneSideRenamed) {
  const auto merged = Merge({{"a.yaml", {Numbers(30)}}}, {{"prod/b.yaml", {Numbers(30)}}},
                            {{"a.yaml", {Numbers(30, {{7, "seven\n"}})}}});
  ASSERT_TRUE(merged.ok()) << merged.status();
  ASSERT_NE(merged->tree, nullptr);
  EXPECT_THAT(TextOf(*merged->tree),
              ElementsAre(Pair("prod/b.yaml", Numbers(30, {{7, "seven\n"}}))));
}

TEST_F(MergeTest, NamesBothSidesLinesOfAConflict) {
  const auto merged =
      Merge({{"a.yaml", {Numbers(30)}}},
            {{"a.yaml", {Numbers(30, {{2, "new\nnew\n2\n"}, {10, "ours\n"}, {20, "same\n"}})}}},
            {{"a.yaml", {Numbers(30, {{10, "theirs\nmore\n"}, {20, "same\n"}, {28, "end\n"}})}}});
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->tree, nullptr);
  ASSERT_THAT(merged->conflicts, SizeIs(1));
  EXPECT_EQ(merged->conflicts[0].kind, Kind::kContent);
  EXPECT_EQ(merged->conflicts[0].path, "a.yaml");
  ASSERT_THAT(merged->conflicts[0].lines, SizeIs(1)) << "what both changed alike is no conflict";
  EXPECT_EQ(merged->conflicts[0].lines[0].ours, (LineRange{.first = 12, .count = 1}));
  EXPECT_EQ(merged->conflicts[0].lines[0].theirs, (LineRange{.first = 10, .count = 2}));
}

struct Clash {
  const char* name;
  Files base;
  Files ours;
  Files theirs;
  Kind kind;
  const char* path;
};

TEST_F(MergeTest, TellsKindsOfConflictsApart) {
  const Files empty;
  const Clash cases[] = {
      {"BothAdded",
       {{"x", {"x"}}},
       {{"x", {"x"}}, {"a.yaml", {"1\n"}}},
       {{"x", {"x"}}, {"a.yaml", {"2\n"}}},
       Kind::kBothAdded,
       "a.yaml"},
      {"DeletedInTarget",
       {{"a.yaml", {"1\n"}}},
       empty,
       {{"a.yaml", {"2\n"}}},
       Kind::kDeletedInTarget,
       "a.yaml"},
      {"DeletedInHead",
       {{"a.yaml", {"1\n"}}},
       {{"a.yaml", {"2\n"}}},
       empty,
       Kind::kDeletedInHead,
       "a.yaml"},
      {"RenamedTwice",
       {{"a.yaml", {Numbers(30)}}},
       {{"b.yaml", {Numbers(30)}}},
       {{"c.yaml", {Numbers(30)}}},
       Kind::kName,
       "a.yaml"},
      {"FileAndFolder",
       {{"x", {"x"}}},
       {{"x", {"x"}}, {"a", {"file"}}},
       {{"x", {"x"}}, {"a/b.yaml", {"1\n"}}},
       Kind::kName,
       "a"},
      {"Binary",
       {{"a.yaml", {std::string("\0\1", 2)}}},
       {{"a.yaml", {std::string("\0\2", 2)}}},
       {{"a.yaml", {std::string("\0\3", 2)}}},
       Kind::kContent,
       "a.yaml"},
  };
  for (const Clash& clash : cases) {
    SCOPED_TRACE(clash.name);
    const auto merged = Merge(clash.base, clash.ours, clash.theirs);
    ASSERT_TRUE(merged.ok()) << merged.status();
    EXPECT_EQ(merged->tree, nullptr);
    ASSERT_FALSE(merged->conflicts.empty());
    EXPECT_EQ(merged->conflicts[0].kind, clash.kind);
    EXPECT_EQ(merged->conflicts[0].path, clash.path);
  }
}

TEST_F(MergeTest, RefusesWhatWouldTakeTooMuchToMerge) {
  const std::string large(limits::kMergeBlobBytes + 1, 'x');
  const auto both = Merge({{"big.bin", {"1"}}}, {{"big.bin", {large}}}, {{"big.bin", {"2"}}});
  EXPECT_EQ(both.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(both.status().message(), HasSubstr("big.bin"));
  const auto one =
      Merge({{"a.yaml", {"1"}}}, {{"a.yaml", {"2"}}}, {{"a.yaml", {"1"}}, {"big.bin", {large}}});
  ASSERT_TRUE(one.ok()) << "large files beside the declarations are nobody's business";
  EXPECT_THAT(TextOf(*one->tree), ElementsAre(Pair("a.yaml", "2")));
}

TEST_F(MergeTest, IsNotHeldUpByATreeThatContainsItself) {
  // Ten folders, each with the same ten folders, ten deep: some thousand bytes, 10^10 files.
  std::string tree = repository_.WriteTree({{"f.yaml", {"f"}}});
  for (int depth = 0; depth < 10; ++depth) tree = repository_.WriteTreeOfTrees(tree, 10);
  base_ = repository_.Write({.files = {{"a.yaml", {"1"}}}});
  ours_ = repository_.Write({.files = {{"a.yaml", {"2"}}}, .parents = {base_}});
  theirs_ = repository_.WriteObject(absl::StrCat(
      "tree ", tree, "\nparent ", base_,
      "\nauthor A <a@x> 1700000000 +0000\ncommitter A <a@x> 1700000000 +0000\n\nbomb\n"));
  EXPECT_EQ(MergeAgain(base_).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ChangesBetween(*Tree(base_), *Tree(theirs_), ".").status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(MergeTest, SaysWhichNamesItCannotWrite) {
  const auto merged =
      Merge({{"a.yaml", {"1"}}}, {{"a.yaml", {"2"}}}, {{"a.yaml", {"1"}}, {"git~1/x.yaml", {"x"}}});
  EXPECT_EQ(merged.status().code(), absl::StatusCode::kFailedPrecondition) << merged.status();
  EXPECT_THAT(merged.status().message(), HasSubstr("git~1/x.yaml"));
}

TEST_F(MergeTest, ListsWhatAHeadChangesBelowAFolder) {
  ASSERT_TRUE(Merge({{"prod/a.yaml", {Numbers(9)}},
                     {"prod/b.yaml", {Numbers(30)}},
                     {"prod/c.yaml", {"c"}},
                     {"test/d.yaml", {"d"}}},
                    {{"prod/a.yaml", {Numbers(9)}}},
                    {{"prod/a.yaml", {Numbers(9, {{5, "five\n"}})}},
                     {"prod/new/b.yaml", {Numbers(30, {{30, "end\n"}})}},
                     {"prod/README.md", {"text"}},
                     {"prod/.hidden.yaml", {"x"}},
                     {"prod/link.md", {"/etc/passwd", TestFile::Mode::kSymlink}},
                     {"production/e.yaml", {"e"}},
                     {"test/d.yaml", {"dd"}}})
                  .ok());
  const std::vector<ChangedFile> files = Changes("prod");
  std::vector<std::string> paths;
  for (const ChangedFile& file : files) paths.push_back(file.path);
  EXPECT_THAT(paths, ElementsAre("prod/a.yaml", "prod/c.yaml", "prod/link.md", "prod/new/b.yaml"));
  EXPECT_EQ(files[0].kind, ChangedFile::Kind::kModified);
  EXPECT_THAT(files[0].lines.hunks(), ElementsAre(LineHunk{.before = {.first = 5, .count = 1},
                                                           .after = {.first = 5, .count = 1}}));
  EXPECT_EQ(files[1].kind, ChangedFile::Kind::kDeleted);
  EXPECT_EQ(files[3].kind, ChangedFile::Kind::kRenamed);
  EXPECT_EQ(files[3].old_path, "prod/b.yaml");
  EXPECT_TRUE(files[3].lines.IsNew(30));
  EXPECT_FALSE(files[3].lines.IsNew(29));
  EXPECT_THAT(Changes("other"), IsEmpty());
  EXPECT_THAT(Changes("test"), SizeIs(1));
}

TEST_F(MergeTest, MapsLinesOfTheResultToLinesOfTheHead) {
  const auto merged =
      Merge({{"a.yaml", {Numbers(20)}}}, {{"a.yaml", {Numbers(20, {{2, "two\nand\n"}})}}},
            {{"a.yaml", {Numbers(20, {{19, "nineteen\n"}})}}});
  ASSERT_TRUE(merged.ok());
  const auto lines = LinesBetween(*Tree(theirs_), *merged->tree, "a.yaml");
  ASSERT_TRUE(lines.ok());
  EXPECT_EQ(lines->OldLine(1), 1);
  EXPECT_EQ(lines->OldLine(2), 0) << "the target brought it";
  EXPECT_EQ(lines->OldLine(20), 19);
  EXPECT_TRUE(LinesBetween(*Tree(theirs_), *merged->tree, "none.yaml")->empty());
}

}  // namespace
}  // namespace espalier
