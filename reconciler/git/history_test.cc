#include "reconciler/git/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

//  first -- second -- merge -- last
//      \              /
//       -- side ------         other (no history in common)
class HistoryTest : public testing::Test {
 protected:
  std::string Write(const std::vector<std::string>& parents) {
    return repository_.Write({.files = {{"a.yaml", {"1"}}}, .parents = parents});
  }
  std::vector<std::string> Since(const std::string& tip, const std::vector<std::string>& known) {
    const auto commits = CommitsSince(*open_, tip, known, 100);
    EXPECT_TRUE(commits.ok()) << commits.status();
    return commits.value_or(std::vector<std::string>());
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  const std::string first_ = Write({});
  const std::string second_ = Write({first_});
  const std::string side_ = Write({first_});
  const std::string merge_ = Write({second_, side_});
  const std::string last_ = Write({merge_});
  const std::string other_ = Write({});
  const std::shared_ptr<const OpenRepository> open_ =
      *OpenRepository::Open(library_, repository_.path());
};

TEST_F(HistoryTest, KnowsWhatACommitContains) {
  EXPECT_TRUE(Follows(*open_, second_, first_));
  EXPECT_TRUE(Follows(*open_, second_, second_));
  EXPECT_TRUE(Follows(*open_, last_, side_)) << "through the merge";
  EXPECT_FALSE(Follows(*open_, first_, second_));
  EXPECT_FALSE(Follows(*open_, second_, side_));
  EXPECT_FALSE(Follows(*open_, other_, first_));
  EXPECT_FALSE(Follows(*open_, last_, std::string(40, '1')));
  EXPECT_FALSE(Follows(*open_, std::string(40, '1'), std::string(40, '1')));
  EXPECT_FALSE(Follows(*open_, last_, "main"));
}

TEST_F(HistoryTest, FindsWhereTwoCommitsWentApart) {
  EXPECT_EQ(*MergeBase(*open_, second_, side_), first_);
  EXPECT_EQ(*MergeBase(*open_, last_, side_), side_);
  EXPECT_EQ(MergeBase(*open_, last_, other_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MergeBase(*open_, last_, std::string(40, '1')).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(HistoryTest, ListsTheCommitsOfARangeParentsFirst) {
  EXPECT_THAT(Since(last_, {merge_}), ElementsAre(last_));
  EXPECT_THAT(Since(last_, {last_}), IsEmpty());
  const std::vector<std::string> all = Since(last_, {""});
  EXPECT_THAT(all, UnorderedElementsAre(first_, second_, side_, merge_, last_));
  EXPECT_EQ(all.front(), first_);
  EXPECT_EQ(all.back(), last_);
  EXPECT_THAT(Since(last_, {second_}), ElementsAre(side_, merge_, last_))
      << "what a merge brought is part of the range";
  EXPECT_THAT(Since(last_, {second_, side_}), ElementsAre(merge_, last_));
  EXPECT_THAT(Since(second_, {std::string(40, '1')}), ElementsAre(first_, second_));
}

TEST_F(HistoryTest, EndsARangeThatIsTooLong) {
  EXPECT_EQ(CommitsSince(*open_, last_, {}, 4).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(CommitsSince(*open_, std::string(40, '1'), {}, 4).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace espalier
