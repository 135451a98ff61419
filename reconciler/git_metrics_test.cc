#include "reconciler/git_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GitMetricsTest : public testing::Test {
 protected:
  // The value of a series, or "(none)".
  std::string ValueOf(const std::string& series) {
    const std::string text = absl::StrCat("\n", metrics_.Text());
    const std::size_t at = text.find(absl::StrCat("\n", series, " "));
    if (at == std::string::npos) return "(none)";
    const std::size_t begin = at + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }
  static void AddProblem(const std::string& code, const std::string& image, ApplyResult& result) {
    v1::Problem& problem = *result.add_problems();
    problem.set_code(code);
    if (!image.empty()) *problem.mutable_ref() = ToProto({Kind::kImage, "", image});
  }
  static const Resource* FindNothing(const Ref&) { return nullptr; }

  FakeClock clock_;
  GitMetrics metrics_{clock_};
};

TEST_F(GitMetricsTest, HasEachOfThemByName) {
  metrics_.Follow("fleet");
  metrics_.ForgeAnswered(v1::Forge::GITHUB,
                         HttpResponse{.status = 200, .headers = {{"X-RateLimit-Remaining", "4"}}});
  const std::string text = metrics_.Text();
  for (const char* name :
       {"espalier_git_fetch_seconds histogram", "espalier_git_fetch_age_seconds gauge",
        "espalier_git_mirror_bytes gauge", "espalier_git_mirror_packs gauge",
        "espalier_git_parse_objects_total counter", "espalier_git_plan_seconds histogram",
        "espalier_git_plan_actions gauge", "espalier_git_apply_seconds histogram",
        "espalier_git_push_to_applied_seconds histogram", "espalier_git_conflicts_total counter",
        "espalier_git_prune_blocked_total counter", "espalier_git_drift_objects gauge",
        "espalier_git_fights_total counter", "espalier_git_suspended gauge",
        "espalier_git_report_outbox_depth gauge", "espalier_git_forge_requests_total counter",
        "espalier_git_forge_ratelimit_remaining gauge"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("# TYPE ", name, "\n")));
  }
}

TEST_F(GitMetricsTest, TellsFetchesAndTheirAge) {
  metrics_.Follow("fleet");
  metrics_.Fetched("fleet", true, absl::Milliseconds(200));
  metrics_.Fetched("fleet", false, absl::Seconds(60));
  metrics_.MirrorIs("fleet", 4096, 2);
  metrics_.Heard("fleet");
  clock_.Advance(absl::Seconds(90));
  EXPECT_EQ(ValueOf("espalier_git_fetch_seconds_count{result=\"ok\",source=\"fleet\"}"), "1");
  EXPECT_EQ(ValueOf("espalier_git_fetch_seconds_sum{result=\"failed\",source=\"fleet\"}"), "60");
  EXPECT_EQ(ValueOf("espalier_git_fetch_age_seconds{source=\"fleet\"}"), "90");
  EXPECT_EQ(ValueOf("espalier_git_mirror_bytes{source=\"fleet\"}"), "4096");
  EXPECT_EQ(ValueOf("espalier_git_mirror_packs{source=\"fleet\"}"), "2");
}

TEST_F(GitMetricsTest, TellsWhatThePlanHasLeftToDo) {
  metrics_.Follow("fleet");
  ApplyResult result;
  result.mutable_plan()->set_creates(3);
  result.mutable_plan()->set_deletes(1);
  metrics_.PlanIs("fleet", result, FindNothing);
  EXPECT_EQ(ValueOf("espalier_git_plan_actions{source=\"fleet\",verb=\"create\"}"), "3");
  EXPECT_EQ(ValueOf("espalier_git_plan_actions{source=\"fleet\",verb=\"delete\"}"), "1");
  EXPECT_EQ(ValueOf("espalier_git_plan_actions{source=\"fleet\",verb=\"update\"}"), "0");
  metrics_.NothingLeft("fleet");
  EXPECT_EQ(ValueOf("espalier_git_plan_actions{source=\"fleet\",verb=\"create\"}"), "0");
}

// A source is planned again by every poll while something stands in its way.
TEST_F(GitMetricsTest, CountsWhatIsInTheWayOnceForAsLongAsItIs) {
  metrics_.Follow("fleet");
  Resource owned;
  owned.mutable_metadata()->mutable_owner()->set_manager(Owner::TERRAFORM);
  const auto find = [&](const Ref&) { return &owned; };
  ApplyResult result;
  AddProblem("owner_conflict", "a", result);
  AddProblem("owner_conflict", "b", result);
  AddProblem("budget_exceeded", "", result);
  AddProblem("missing_reference", "c", result);
  metrics_.PlanIs("fleet", result, find);
  metrics_.PlanIs("fleet", result, find);
  const std::string conflicts =
      "espalier_git_conflicts_total{manager=\"terraform\",source=\"fleet\"}";
  const std::string blocked =
      "espalier_git_prune_blocked_total{reason=\"budget_exceeded\",source=\"fleet\"}";
  EXPECT_EQ(ValueOf(conflicts), "2");
  EXPECT_EQ(ValueOf(blocked), "1");
  metrics_.PlanIs("fleet", ApplyResult(), find);
  metrics_.PlanIs("fleet", result, find);
  EXPECT_EQ(ValueOf(conflicts), "4");
  EXPECT_EQ(ValueOf(blocked), "2");
}

TEST_F(GitMetricsTest, CountsDriftByClassWithoutWhatIsHealed) {
  metrics_.Follow("fleet");
  DriftReport report;
  report.add_rows()->set_class_(v1::DriftRow::CHANGED);
  report.add_rows()->set_class_(v1::DriftRow::MISSING);
  v1::DriftRow& healed = *report.add_rows();
  healed.set_class_(v1::DriftRow::MISSING);
  healed.mutable_healed_at()->set_seconds(1);
  metrics_.DriftIs("fleet", report);
  EXPECT_EQ(ValueOf("espalier_git_drift_objects{class=\"changed\",source=\"fleet\"}"), "1");
  EXPECT_EQ(ValueOf("espalier_git_drift_objects{class=\"missing\",source=\"fleet\"}"), "1");
  metrics_.DriftIs("fleet", DriftReport());
  EXPECT_EQ(ValueOf("espalier_git_drift_objects{class=\"changed\",source=\"fleet\"}"), "0");
}

TEST_F(GitMetricsTest, AddsUpTheOutboxesOfAForge) {
  metrics_.Follow("a");
  metrics_.Follow("b");
  metrics_.OutboxIs("a", v1::Forge::GITEA, 2);
  metrics_.OutboxIs("b", v1::Forge::GITEA, 3);
  EXPECT_EQ(ValueOf("espalier_git_report_outbox_depth{forge=\"gitea\"}"), "5");
  metrics_.Leave("b");
  EXPECT_EQ(ValueOf("espalier_git_report_outbox_depth{forge=\"gitea\"}"), "2");
  EXPECT_EQ(ValueOf("espalier_git_report_outbox_depth{forge=\"github\"}"), "0");
}

TEST_F(GitMetricsTest, TakesNoLabelFromAForge) {
  metrics_.ForgeAnswered(v1::Forge::GITLAB, HttpResponse{.status = 200});
  for (int status = 600; status < 999; ++status) {
    metrics_.ForgeAnswered(v1::Forge::GITLAB, HttpResponse{.status = status});
  }
  metrics_.ForgeAnswered(v1::Forge::GITLAB, absl::UnavailableError("no answer"));
  const std::string series = "espalier_git_forge_requests_total";
  EXPECT_EQ(ValueOf(series + "{code=\"200\",forge=\"gitlab\"}"), "1");
  EXPECT_EQ(ValueOf(series + "{code=\"other\",forge=\"gitlab\"}"), "399");
  EXPECT_EQ(ValueOf(series + "{code=\"none\",forge=\"gitlab\"}"), "1");
}

TEST_F(GitMetricsTest, HasOnlySourcesThatAreFollowed) {
  metrics_.Fetched("gone", true, absl::Seconds(1));
  metrics_.SuspendedIs("gone", true);
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("gone")));
  metrics_.Follow("gone");
  EXPECT_THAT(metrics_.Text(), HasSubstr("gone"));
  metrics_.Leave("gone");
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("gone")));
  // However many there are.
  for (std::size_t i = 0; i <= limits::kGitSources; ++i) metrics_.Follow(absl::StrCat("s-", i));
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr(absl::StrCat("s-", limits::kGitSources, "\""))));
}

}  // namespace
}  // namespace espalier
