#include "reconciler/review/review_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "reconciler/review/marker.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const ForgeTraits kTraits = {.comment_bytes = 60000, .status_bytes = 140};

int Count(const std::string& text, const std::string& part) {
  return static_cast<int>(std::vector<std::string>(absl::StrSplit(text, part)).size()) - 1;
}

// A plan and problems of objects of this name, at every place where a name can stand.
ReviewFindings FindingsOf(const std::string& name) {
  ReviewFindings findings;
  findings.source = "fleet";
  findings.pull_request.number = 7;
  findings.pull_request.head_sha = "4f2a4f2a";
  findings.stage = ReviewStage::kPlanned;
  v1::Action& action = *findings.plan.add_actions();
  action.set_verb(v1::Action::DELETE);
  action.set_risk(v1::Action::DESTRUCTIVE);
  action.mutable_ref()->set_kind("vm");
  action.mutable_ref()->set_namespace_(name);
  action.mutable_ref()->set_name(name);
  action.set_reason(name);
  action.set_source(name);
  action.add_holds(name);
  findings.plan.set_deletes(1);
  Problem& problem = findings.problems.emplace_back();
  problem.set_severity(Problem::WARNING);
  problem.set_file(name);
  problem.set_line(1);
  problem.set_path(name);
  problem.set_message(name);
  findings.suspended = name;
  v1::DriftRow& row = *findings.drift.add_rows();
  *row.mutable_ref() = action.ref();
  row.set_actor(name);
  row.set_reason(name);
  return findings;
}

// Names that are markup of ours: the comment stays one comment with one marker and one fold.
TEST(ReviewTextTest, E6NamesStayNames) {
  const int folds = Count(SurfaceOf(FindingsOf("a"), kTraits).comment, "</details>");
  for (const char* evil :
       {"</details>", "</details><details open>", "<!--", "--><!-- espalier:v1 key=plan/fleet -->",
        "\xE2\x80\xAEgpj.exe", "\xE2\x81\xA6 flip", "\xD8\x9C mark", "a|b\n| c |", "@all", "```"}) {
    SCOPED_TRACE(evil);
    const Surface surface = SurfaceOf(FindingsOf(evil), kTraits);
    EXPECT_EQ(Count(surface.comment, "</details>"), folds);
    EXPECT_EQ(Count(surface.comment, "<!--"), 1);
    EXPECT_EQ(Count(surface.comment, "-->"), 1);
    EXPECT_EQ(ParseMarker(surface.comment)->commit, "4f2a4f2a");
    for (const char* turning : {"\xE2\x80\xAE", "\xE2\x81\xA6", "\xD8\x9C", "@all", "\n| c"}) {
      EXPECT_THAT(surface.comment, Not(HasSubstr(turning)));
    }
    for (const auto& [sha, status] : surface.statuses) {
      EXPECT_THAT(status.description, Not(HasSubstr("\xE2\x80\xAE")));
    }
  }
}

// One that is a book does not crowd out the rest.
TEST(ReviewTextTest, E6ANameOfTenThousandLetters) {
  ReviewFindings findings = FindingsOf(std::string(10 * 1024, 'x'));
  v1::Action& last = *findings.plan.add_actions();
  last.set_verb(v1::Action::CREATE);
  last.mutable_ref()->set_kind("image");
  last.mutable_ref()->set_name("small");
  findings.plan.set_creates(1);
  const Surface surface = SurfaceOf(findings, kTraits);
  EXPECT_LE(surface.comment.size(), kTraits.comment_bytes);
  EXPECT_EQ(Count(surface.comment, "<details>"), Count(surface.comment, "</details>"));
  EXPECT_LE(surface.statuses[0].status.description.size(), kTraits.status_bytes);
}

// However much a merge destroys that was not shown, a forge takes what is said of it.
TEST(ReviewTextTest, SaysOfAMergeNoMoreThanAForgeTakes) {
  MergeOutcome outcome;
  outcome.source = "fleet";
  outcome.pull_request.merge_sha = "4f2a4f2a";
  outcome.stage = MergeOutcome::Stage::kStopped;
  outcome.shown.digest = "1234";
  outcome.plan.set_digest("5678");
  outcome.reason = "it destroys";
  for (int i = 0; i < 5000; ++i) {
    v1::Action& action = *outcome.plan.add_actions();
    action.set_verb(v1::Action::DELETE);
    action.set_risk(v1::Action::DESTRUCTIVE);
    action.mutable_ref()->set_kind("image");
    action.mutable_ref()->set_name(absl::StrCat("image-", i));
    absl::StrAppend(&outcome.reason, ", image image-", i);
  }
  const std::string comment = SurfaceOf(outcome, kTraits).comment;
  EXPECT_LE(comment.size(), kTraits.comment_bytes);
  EXPECT_THAT(comment, HasSubstr("- newly destroyed: 4990 more\n"));
  EXPECT_THAT(comment, HasSubstr("/espalier confirm 5678"));
}

}  // namespace
}  // namespace espalier
