#include "engine/load/source_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Type = SourceEntry::Type;

class SourceWalkTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<std::string>> Walk(const std::string& prefix = "") {
    absl::StatusOr<std::vector<FoundFile>> found = WalkSource(
        prefix, "root",
        [this](const std::string&, const std::string& id)
            -> absl::StatusOr<std::vector<SourceEntry>> { return folders_[id]; },
        problems_);
    if (!found.ok()) return found.status();
    std::vector<std::string> paths;
    for (const FoundFile& file : *found) paths.push_back(file.path);
    return paths;
  }
  std::vector<std::string> Refused() const {
    std::vector<std::string> lines;
    for (const Problem& problem : problems_.list()) {
      lines.push_back(absl::StrCat(problem.file(), ": ", problem.message()));
    }
    return lines;
  }

  std::map<std::string, std::vector<SourceEntry>> folders_;
  Problems problems_;
};

TEST_F(SourceWalkTest, FindsWhatLoadReadsSortedByPath) {
  folders_["root"] = {{"z.yaml", Type::kFile, "1"},
                      {"a", Type::kFolder, "a"},
                      {"a.yaml", Type::kFile, "2"},
                      {"README.md", Type::kFile, "3"}};
  folders_["a"] = {{"b.json", Type::kFile, "4"}};
  EXPECT_THAT(*Walk(), ElementsAre("a.yaml", "a/b.json", "z.yaml"));
  EXPECT_THAT(*Walk("prod"), ElementsAre("prod/a.yaml", "prod/a/b.json", "prod/z.yaml"));
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(SourceWalkTest, LeavesOutWhatIsHiddenUnseen) {
  folders_["root"] = {{".github", Type::kFolder, "x"},
                      {".link", Type::kSymlink, "1"},
                      {".a.yaml", Type::kFile, "2"}};
  folders_["x"] = {{"ci.yaml", Type::kFile, "3"}};
  EXPECT_THAT(*Walk(), IsEmpty());
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(SourceWalkTest, RefusesWhatIsNeitherFileNorFolderWithItsPath) {
  folders_["root"] = {{"a", Type::kFolder, "a"}, {"sub", Type::kSubmodule, "1"}};
  folders_["a"] = {{"link.yaml", Type::kSymlink, "2"},
                   {"pipe", Type::kOther, "3"},
                   {"ok.yaml", Type::kFile, "4"}};
  EXPECT_THAT(*Walk(), ElementsAre("a/ok.yaml"));
  EXPECT_THAT(Refused(),
              ElementsAre(HasSubstr("a/link.yaml: is a symbolic link"),
                          HasSubstr("a/pipe: is neither"), HasSubstr("sub: is a submodule")));
  EXPECT_TRUE(problems_.HasErrors());
}

TEST_F(SourceWalkTest, RefusesNamesThatDifferOnlyInCase) {
  folders_["root"] = {{"fleet.yaml", Type::kFile, "1"}, {"Fleet.yaml", Type::kFile, "2"}};
  EXPECT_THAT(*Walk(), ElementsAre("Fleet.yaml"));
  EXPECT_THAT(Refused(), ElementsAre(HasSubstr("fleet.yaml: differs from \"Fleet.yaml\"")));
}

TEST_F(SourceWalkTest, PrintsOddNamesHarmlessly) {
  folders_["root"] = {{"a\x1B[2J.yaml", Type::kFile, "1"}, {"..", Type::kFolder, "root"}};
  EXPECT_THAT(*Walk(), IsEmpty());
  EXPECT_THAT(Refused(), ElementsAre(HasSubstr(".."), HasSubstr("a\\033[2J.yaml: the name")));
}

TEST_F(SourceWalkTest, EndsInFoldersWithoutEnd) {
  folders_["root"] = {{"a", Type::kFolder, "root"}};
  EXPECT_EQ(Walk().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(SourceWalkTest, RefusesMoreEntriesThanTheLimit) {
  std::vector<SourceEntry>& root = folders_["root"];
  for (std::size_t i = 0; i <= limits::kSourceEntries; ++i) {
    root.push_back({absl::StrCat("f", i), Type::kFile, "1"});
  }
  EXPECT_EQ(Walk().status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace espalier
