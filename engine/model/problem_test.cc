#include "engine/model/problem.h"

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

TEST(ProblemsTest, KeepTheFirstOnesAndSayThatThereAreMore) {
  Problems problems;
  for (std::size_t i = 0; i < 2 * limits::kProblems; ++i) {
    problems.Error("invalid_value", absl::StrCat("spec.f", i), "is wrong").set_file("a.yaml");
  }
  ASSERT_EQ(problems.list().size(), limits::kProblems);
  EXPECT_EQ(problems.list()[limits::kProblems - 2].path(),
            absl::StrCat("spec.f", limits::kProblems - 2));
  EXPECT_EQ(problems.list().back().code(), "too_many_problems");
  EXPECT_EQ(problems.list().back().file(), "");
  EXPECT_TRUE(problems.HasErrors());
}

TEST(ProblemsTest, WarningsHideNoError) {
  for (const std::size_t warnings : {limits::kProblems - 1, limits::kProblems + 1}) {
    Problems problems;
    for (std::size_t i = 0; i < warnings; ++i)
      problems.Warning("deprecated_field", "spec", "is a pity");
    EXPECT_FALSE(problems.HasErrors());
    problems.Error("invalid_value", "spec.a", "is wrong").set_file("a.yaml");
    problems.Error("unknown_field", "spec.b", "is wrong as well").set_file("b.yaml");
    ASSERT_EQ(problems.list().size(), limits::kProblems);
    EXPECT_TRUE(problems.HasErrors());
    EXPECT_EQ(ToString(problems.list()[limits::kProblems - 2]), "a.yaml: error: spec.a: is wrong");
    EXPECT_EQ(problems.list().back().code(), "too_many_problems");
    EXPECT_FALSE(ToStatus(problems).ok());
  }
}

}  // namespace
}  // namespace espalier
