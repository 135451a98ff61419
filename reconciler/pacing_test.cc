#include "reconciler/pacing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "reconciler/conditions.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr char kCommit[] = "1111111111111111111111111111111111111111";
constexpr char kOther[] = "2222222222222222222222222222222222222222";

Resource Source(const std::string& name, const std::string& repository = "/srv/fleet.git") {
  Resource source;
  source.mutable_metadata()->set_name(name);
  source.mutable_git_source()->mutable_spec()->set_repository(repository);
  return source;
}

// Applied at the commit, and healthy.
Resource Done(Resource source, const std::string& commit) {
  v1::GitSourceStatus& status = *source.mutable_git_source()->mutable_status();
  status.set_applied_commit(commit);
  status.set_seen_commit(commit);
  for (const char* type : {kValid, kApplied, kHealthy}) {
    (*status.mutable_conditions())[type].set_state(v1::Condition::TRUE);
  }
  return source;
}

void Suspend(Resource& object, absl::Time until = absl::InfiniteFuture()) {
  v1::Hold& hold = (*object.mutable_metadata()->mutable_holds())["suspend"];
  hold.set_by("ana");
  hold.set_why("INC-91");
  if (until != absl::InfiniteFuture())
    hold.mutable_until()->set_seconds(absl::ToUnixSeconds(until));
}

class PacingTest : public testing::Test {
 protected:
  Pace Ask(const Resource& source) {
    return PaceOf(
        source, kCommit,
        [this](const Ref& ref) {
          const auto found = objects_.find(ref);
          return found == objects_.end() ? nullptr : &found->second;
        },
        kNow);
  }
  void Put(const Resource& object) { objects_[RefOf(object)] = object; }

  std::map<Ref, Resource> objects_;
};

TEST_F(PacingTest, NothingStandsAgainstAPlainSource) { EXPECT_TRUE(Ask(Source("apps")).may_apply); }

TEST_F(PacingTest, SuspensionSaysWhoWhyAndUntilWhen) {
  Resource source = Source("apps");
  Suspend(source, kNow + absl::Hours(1));
  const Pace pace = Ask(source);
  EXPECT_FALSE(pace.may_apply);
  EXPECT_EQ(pace.reason, "Suspended");
  EXPECT_EQ(pace.message, "suspended by ana until 2027-01-15T09:00Z: INC-91");
  EXPECT_GE(pace.until, kNow + absl::Hours(1));
  Suspend(source, kNow);
  EXPECT_TRUE(Ask(source).may_apply) << "its time is over";
}

TEST_F(PacingTest, SuspendedClusterSuspendsAllSources) {
  Resource cluster;
  cluster.mutable_metadata()->set_name("default");
  cluster.mutable_cluster();
  Suspend(cluster);
  Put(cluster);
  EXPECT_EQ(Ask(Source("apps")).reason, "Suspended");
  EXPECT_EQ(Ask(Source("apps")).until, absl::InfiniteFuture());
}

TEST_F(PacingTest, WaitsUntilTheSourcesBeforeItAreAppliedAndHealthy) {
  Resource apps = Source("apps", "/srv/apps.git");
  apps.mutable_git_source()->mutable_spec()->add_after("platform");
  EXPECT_EQ(Ask(apps).message, "waits for git_source platform, which does not exist");
  Put(Source("platform"));
  EXPECT_EQ(Ask(apps).message, "waits for git_source platform, which is not applied");
  Resource platform = Done(Source("platform"), kOther);
  Put(platform);
  EXPECT_TRUE(Ask(apps).may_apply);
  v1::GitSourceStatus& status = *platform.mutable_git_source()->mutable_status();
  for (const v1::Condition::State state : {v1::Condition::UNKNOWN, v1::Condition::FALSE}) {
    (*status.mutable_conditions())[kHealthy].set_state(state);
    Put(platform);
    EXPECT_EQ(Ask(apps).reason, "WaitsForSource");
    EXPECT_THAT(Ask(apps).message, HasSubstr("which is not healthy"));
  }
  status.set_seen_commit(kCommit);
  Put(platform);
  EXPECT_THAT(Ask(apps).message, HasSubstr("which is not applied")) << "it has seen a newer commit";
  (*status.mutable_conditions())[kValid].set_state(v1::Condition::FALSE);
  Put(platform);
  EXPECT_THAT(Ask(apps).message, HasSubstr("which is invalid"));
}

// Two folders of one repository: the second must not run ahead with a commit that the first has not
// seen yet.
TEST_F(PacingTest, SourcesOfOneRefGoCommitByCommit) {
  Resource apps = Source("apps");
  apps.mutable_git_source()->mutable_spec()->add_after("platform");
  Put(Done(Source("platform"), kOther));
  EXPECT_EQ(Ask(apps).message, "waits for git_source platform, which is at 222222222222");
  Put(Done(Source("platform"), kCommit));
  EXPECT_TRUE(Ask(apps).may_apply);
}

TEST_F(PacingTest, WindowsSayWhenToAskAgain) {
  Resource source = Source("apps");
  v1::Window& window = (*source.mutable_git_source()->mutable_spec()->mutable_windows())["noon"];
  window.set_effect(v1::Window::ALLOW);
  window.set_start("12:00");
  window.set_minutes(60);
  const Pace pace = Ask(source);
  EXPECT_EQ(pace.reason, "OutsideWindows");
  EXPECT_EQ(pace.message, "no window is open until 2027-01-15T12:00Z");
  EXPECT_EQ(pace.until, kNow + absl::Hours(4));
}

}  // namespace
}  // namespace espalier
