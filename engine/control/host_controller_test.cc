// Hosts and holds through the real engine.
#include "engine/control/host_controller.h"

#include "engine/control/test_world.h"
#include "engine/model/timestamp.h"
#include "gmock/gmock.h"

namespace espalier::control {
namespace {

using P = v1::VmPlacement;

class HostControllerTest : public testing::Test, public TestWorld {
 protected:
  v1::HostLiveness Liveness(const std::string& host) {
    return Host(host).host().status().liveness();
  }
};

TEST_F(HostControllerTest, StoresTransitionsOnly) {
  AddHost("mac-01");
  EXPECT_EQ(Liveness("mac-01").state(), v1::HostLiveness::READY);
  const std::int64_t revision = resources->Snapshot().revision();
  Pass(absl::Minutes(2), {"mac-01"});
  EXPECT_EQ(resources->Snapshot().revision(), revision) << "beats are never stored";
  Pass(absl::Seconds(20), {});
  EXPECT_EQ(Liveness("mac-01").state(), v1::HostLiveness::UNKNOWN);
  // Its last beat was a second before; 30 s of lease, 0.3 s of clock error, 10 s to kill, 1 s
  // margin.
  EXPECT_EQ(TimeOf(Liveness("mac-01").fenced_after()) - TimeOf(Liveness("mac-01").since()),
            absl::Milliseconds(21300));
  Beat("mac-01");
  Settle();
  EXPECT_EQ(Liveness("mac-01").state(), v1::HostLiveness::READY);
  EXPECT_FALSE(Liveness("mac-01").has_fenced_after());
}

TEST_F(HostControllerTest, LeasesAreTheClusters) {
  AddHost("mac-01");
  Resource cluster;
  cluster.mutable_metadata()->set_name("default");
  cluster.mutable_cluster()->mutable_spec()->set_host_lease_seconds(60);
  Apply(cluster);
  Pass(absl::Seconds(59), {});
  EXPECT_EQ(Liveness("mac-01").state(), v1::HostLiveness::READY);
  Pass(absl::Seconds(2), {});
  EXPECT_EQ(Liveness("mac-01").state(), v1::HostLiveness::UNKNOWN);
}

TEST_F(HostControllerTest, ACordonKeepsNewVmsAwayUntilItsTimeIsOver) {
  AddImages();
  AddHost("mac-01");
  Hold(HostRef("mac-01"), "cordon", /*clear=*/false, /*seconds=*/60);
  Apply(VmNamed("build"));
  EXPECT_EQ(Placement("build").why(), "1 host: 1 cordoned");
  Pass(absl::Seconds(59), {"mac-01"});
  EXPECT_EQ(Phase("build"), P::PENDING);
  Pass(absl::Seconds(2), {"mac-01"});
  EXPECT_TRUE(Host("mac-01").metadata().holds().empty());
  EXPECT_EQ(Phase("build"), P::STARTING);
}

TEST_F(HostControllerTest, SeveralHoldsEndEachAtItsTime) {
  AddHost("mac-01");
  Hold(HostRef("mac-01"), "cordon", false, 10);
  Hold(HostRef("mac-01"), "drain", false, 10);
  AddHost("mac-02");
  Hold(HostRef("mac-02"), "cordon");
  Pass(absl::Seconds(11), {"mac-01", "mac-02"});
  EXPECT_TRUE(Host("mac-01").metadata().holds().empty());
  EXPECT_EQ(Host("mac-02").metadata().holds().size(), 1u);
}

TEST_F(HostControllerTest, ADeletedHostIsDrainedAndThenGoes) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  AddHost("mac-02");
  Resource host;
  host.mutable_metadata()->set_name("mac-01");
  host.mutable_host()->mutable_spec()->set_drain_on_destroy(true);
  Apply(host);
  ASSERT_TRUE(Delete(HostRef("mac-01"))->applied());
  EXPECT_EQ(Phase("build"), P::STOPPING);
  EXPECT_TRUE(Get(HostRef("mac-01")).ok());
  EXPECT_TRUE(Report("build", v1::VmObserved::STOPPED).ok());
  Settle();
  EXPECT_TRUE(absl::IsNotFound(Get(HostRef("mac-01")).status()));
  EXPECT_EQ(Placement("build").host(), "mac-02");
}

TEST_F(HostControllerTest, ALostHostThatIsDeletedGoesOnceNothingCanLiveThere) {
  AddImages();
  AddHost("mac-01");
  Apply(VmNamed("build"));
  RunAll();
  Resource host;
  host.mutable_metadata()->set_name("mac-01");
  host.mutable_host()->mutable_spec()->set_drain_on_destroy(true);
  Apply(host);
  Pass(absl::Seconds(25), {});
  ASSERT_TRUE(Delete(HostRef("mac-01"))->applied());
  EXPECT_TRUE(Get(HostRef("mac-01")).ok());
  Pass(absl::Seconds(60), {});
  EXPECT_TRUE(absl::IsNotFound(Get(HostRef("mac-01")).status()));
  EXPECT_EQ(Phase("build"), P::PENDING);
  EXPECT_EQ(Placement("build").why(), "no hosts");
  EXPECT_EQ(Placement("build").retiring_size(), 0);
}

TEST(FencingTest, ARunOfASilentHostHasEndedAfterLeaseClockErrorKillAndMargin) {
  HostSession session;
  session.last_beat = absl::Seconds(100);
  session.runs_until = absl::Seconds(130);
  EXPECT_EQ(SurelyEndedAt(&session, absl::Seconds(0), absl::Seconds(30)),
            absl::Seconds(130) + absl::Milliseconds(300) + absl::Seconds(11));
  // A lease that was made shorter does not undo what was promised.
  EXPECT_GT(SurelyEndedAt(&session, absl::Seconds(0), absl::Seconds(5)), absl::Seconds(141));
  // Not heard since the start: it may have been promised a whole lease just before.
  EXPECT_EQ(SurelyEndedAt(nullptr, absl::Seconds(50), absl::Seconds(30)),
            absl::Seconds(80) + absl::Milliseconds(300) + absl::Seconds(11));
}

TEST(FencingTest, AHostNotHeardSinceTheStartIsGivenTheLongerLease) {
  EXPECT_EQ(SilentAt(nullptr, absl::Seconds(50), absl::Seconds(20), absl::Seconds(30)),
            absl::Seconds(80));
  HostSession session;
  session.last_beat = absl::Seconds(100);
  EXPECT_EQ(SilentAt(&session, absl::Seconds(50), absl::Seconds(20), absl::Seconds(30)),
            absl::Seconds(120));
}

}  // namespace
}  // namespace espalier::control
