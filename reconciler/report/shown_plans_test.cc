#include "reconciler/report/shown_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Digest(char c) { return std::string(64, c); }

class ShownPlansTest : public testing::Test {
 protected:
  void Put(char c) {
    ApplyResult result;
    result.mutable_plan()->set_digest(Digest(c));
    plans_.Put("fleet", result);
    // Until the clock of the disk has moved on.
    const std::string probe = dir_.path() + "/probe";
    const auto now = [&] {
      EXPECT_TRUE(io_->WriteFile(probe, "", 0600).ok());
      return io_->Stat(probe)->modified;
    };
    const absl::Time before = now();
    while (now() == before) {
    }
  }
  bool Has(char c) { return plans_.Read("fleet", Digest(c), /*as_json=*/false).ok(); }

  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Log> log_ = MakeNullLog();
  ShownPlans plans_{*io_, *log_, dir_.path(), /*kept=*/3};
};

// A link is followed for as long as its pull request is open, however old the plan is.
TEST_F(ShownPlansTest, KeepsWhatIsShownAgain) {
  for (const char c : {'a', 'b', 'c'}) Put(c);
  Put('a');
  Put('d');
  EXPECT_TRUE(Has('a'));
  EXPECT_FALSE(Has('b'));
  EXPECT_TRUE(Has('c') && Has('d'));
  EXPECT_TRUE(plans_.Read("fleet", Digest('a'), /*as_json=*/true).ok());
  EXPECT_FALSE(plans_.Read("fleet", Digest('b'), /*as_json=*/true).ok());
}

TEST_F(ShownPlansTest, RemembersWhatTheLastCommitsDid) {
  Plan plan;
  for (int i = 0; i < 60; ++i) {
    plan.set_digest(absl::StrCat(i));
    plans_.PutApplied("fleet", absl::StrCat("c", i), plan);
  }
  ASSERT_THAT(plans_.Applied("fleet"), SizeIs(50));
  EXPECT_EQ(plans_.Applied("fleet").front(), "c10");
  EXPECT_EQ(plans_.Applied("fleet").back(), "c59");
  EXPECT_EQ(plans_.ReadApplied("fleet", "c59")->digest(), "59");
  EXPECT_TRUE(absl::IsNotFound(plans_.ReadApplied("fleet", "c9").status()));
  plans_.ForgetApplied("fleet");
  EXPECT_THAT(plans_.Applied("fleet"), IsEmpty());
}

}  // namespace
}  // namespace espalier
