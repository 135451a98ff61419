// What a repository may hold that its author should not have put there, one test per item of
// docs/security.md. What stands in files is in engine/load/attacks_test.cc.
#include "reconciler/source_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Mode = TestFile::Mode;

constexpr char kGood[] = "apiVersion: espalier/v1\nkind: Namespace\nmetadata: {name: ci}\n";

class SourceSetTest : public testing::Test {
 protected:
  LoadedSet Load(const std::map<std::string, TestFile>& files) {
    const std::string commit = repository_.Commit(files);
    const auto tree = GitTree::Open(*OpenRepository::Open(library_, repository_.path()), commit);
    EXPECT_TRUE(tree.ok()) << tree.status();
    absl::StatusOr<LoadedSet> set =
        set_.Load(**tree, commit, v1::GitSourceSpec(), SourceSet::kHead);
    EXPECT_TRUE(set.ok()) << set.status();
    return *std::move(set);
  }
  // "path code" of what is wrong.
  std::vector<std::string> Refused(const std::map<std::string, TestFile>& files) {
    const LoadedSet set = Load(files);
    EXPECT_FALSE(set.valid());
    std::vector<std::string> refused;
    for (const Problem& problem : set.problems.list()) {
      refused.push_back(absl::StrCat(problem.file(), " ", problem.code()));
    }
    return refused;
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  SourceSet set_;
};

TEST_F(SourceSetTest, B1RefusesSymbolicLinksWhereverTheyPoint) {
  for (const char* target : {"a.yaml", "/etc/passwd", "../../secrets", "d", "link.yaml", "."}) {
    EXPECT_THAT(Refused({{"a.yaml", {kGood}},
                         {"d/b.yaml", {"---\n"}},
                         {"link.yaml", {target, Mode::kSymlink}}}),
                ElementsAre("link.yaml not_a_file"))
        << target;
  }
}

TEST_F(SourceSetTest, B2RefusesSubmodules) {
  EXPECT_THAT(Refused({{"a.yaml", {kGood}}, {"x/sub", {"", Mode::kSubmodule}}}),
              ElementsAre("x/sub not_a_file"));
}

TEST_F(SourceSetTest, B3RefusesNamesThatAreOneOnAnotherSystem) {
  EXPECT_THAT(Refused({{"A.yaml", {kGood}}, {"a.yaml", {kGood}}}),
              ElementsAre("a.yaml bad_file_name"));
  EXPECT_THAT(Refused({{"git~1/a.yaml", {kGood}}}), ElementsAre("git~1 bad_file_name"));
  EXPECT_THAT(Refused({{"e\xCC\x81.yaml", {kGood}}}), ElementsAre("e\xCC\x81.yaml bad_file_name"));
  // What begins with a dot is not looked at: neither read nor refused.
  EXPECT_TRUE(Load({{".GIT/a.yaml", {"a: b: c"}}, {"a.yaml", {kGood}}}).valid());
}

TEST_F(SourceSetTest, B4RefusesWhatIsTooLargeUnread) {
  std::string deep;
  for (int i = 0; i < 300; ++i) absl::StrAppend(&deep, "d/");
  EXPECT_THAT(Refused({{deep + "a.yaml", {kGood}}}), ElementsAre(". too_large"));
  // By the size that the object's header tells.
  EXPECT_THAT(Refused({{"zeros.yaml", {std::string(64 << 20, '\0')}}}),
              ElementsAre("zeros.yaml too_large"));
  EXPECT_THAT(
      Refused({{"lines.yaml",
                {absl::StrCat(std::string(5'000'000, '\n'), std::string(5'000'000, '\n'))}}}),
      ElementsAre("lines.yaml too_large"));
}

TEST_F(SourceSetTest, B13TellsWhereAnObjectStandsTwiceAndKeepsOneThatMoved) {
  const LoadedSet twice = Load({{"a.yaml", {kGood}}, {"b.yaml", {kGood}}});
  ASSERT_THAT(twice.problems.list(), SizeIs(1));
  EXPECT_EQ(ToString(twice.problems.list()[0]),
            "b.yaml:1: error: namespace ci: is declared twice, at a.yaml:1 and at b.yaml:1");
  const LoadedSet before = Load({{"a.yaml", {kGood}}});
  const LoadedSet after = Load({{"moved/c.yaml", {kGood}}});
  ASSERT_THAT(before.declared, SizeIs(1));
  ASSERT_THAT(after.declared, SizeIs(1));
  EXPECT_EQ(before.declared[0]->resource().SerializeAsString(),
            after.declared[0]->resource().SerializeAsString());
  EXPECT_EQ(after.declared[0]->source(), "moved/c.yaml:1");
}

TEST_F(SourceSetTest, RemembersFilesThatDidNotChange) {
  EXPECT_EQ(Load({{"a.yaml", {kGood}}, {"b.yaml", {"---\n"}}}).parsed, 2u);
  EXPECT_EQ(Load({{"a.yaml", {kGood}}, {"b.yaml", {"# nothing\n"}}}).parsed, 1u);
  // A file is its path and its bytes: problems name the path.
  EXPECT_EQ(Load({{"c.yaml", {kGood}}, {"b.yaml", {"# nothing\n"}}}).parsed, 1u);
}

}  // namespace
}  // namespace espalier
