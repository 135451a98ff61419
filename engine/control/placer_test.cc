// The placement loop among lost answers and other writers: nothing is booked twice, nothing leaks,
// and its index is what one would work out anew (I10).
#include "engine/control/placer.h"

#include <functional>

#include "engine/control/test_world.h"
#include "gmock/gmock.h"

namespace espalier::control {
namespace {

using P = v1::VmPlacement;

// The engine, whose answers to status writes get lost now and then, before or after the write, and
// whose events can be held back, so that a view lags behind what was written.
class LossyResources final : public Resources {
  class LateWatch final : public Watch {
   public:
    LateWatch(std::unique_ptr<Watch> below, const bool& held)
        : below_(std::move(below)), held_(held) {}
    absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
      return held_ ? WatchBatch() : below_->Next(deadline);
    }
    void NotifyOn(Wakeup& wakeup) override { below_->NotifyOn(wakeup); }

   private:
    const std::unique_ptr<Watch> below_;
    const bool& held_;
  };

 public:
  LossyResources(Resources& below, Random& random) : below_(below), random_(random) {}

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    if (fail_get) return absl::UnavailableError("away");
    return below_.Get(context, ref);
  }
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override {
    return below_.List(context, query);
  }
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override {
    return below_.Apply(context, request);
  }
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override {
    const bool write = !random_.Chance(lose_before);
    std::vector<absl::StatusOr<std::int64_t>> results(writes.size(),
                                                      absl::UnavailableError("lost"));
    if (write) results = below_.UpdateStatus(context, writes);
    if (write && after_write) after_write();
    if (write && random_.Chance(lose_after)) {
      results.assign(writes.size(), absl::UnavailableError("answer lost"));
    }
    return results;
  }
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override {
    return below_.Delete(context, request);
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override {
    auto watch = below_.StartWatch(context, query, resume);
    if (!watch.ok()) return watch.status();
    return std::make_unique<LateWatch>(*std::move(watch), hold_events);
  }
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override {
    return below_.Drift(context, request);
  }

  double lose_before = 0;
  double lose_after = 0;
  bool hold_events = false;
  bool fail_get = false;
  std::function<void()> after_write;

 private:
  Resources& below_;
  Random& random_;
};

class PlacerTest : public testing::Test, public TestWorld {
 protected:
  PlacerTest() : TestWorld(nullptr) { StartControlOn(lossy_); }

  void CheckSlots() {
    std::map<std::string, int> taken;
    for (const std::string& name : Names(Kind::kVm)) {
      if (!Placement(name).host().empty()) ++taken[Placement(name).host()];
    }
    for (const auto& [host, count] : taken) ASSERT_LE(count, 2) << host;
  }
  void CheckIndex() {
    std::vector<Resource> objects;
    resources->Snapshot().ForEach([&](const Resource& object) { objects.push_back(object); });
    const absl::Status status = control->CheckIndex(objects);
    ASSERT_TRUE(status.ok()) << status;
  }

  Random losses_{5};
  LossyResources lossy_{*resources, losses_};
};

TEST_F(PlacerTest, APlacementWhoseAnswerIsLostIsReadBackAndNotMadeTwice) {
  AddImages();
  AddHost("mac-01");
  lossy_.lose_after = 1;
  Apply(VmNamed("build"));
  EXPECT_EQ(Phase("build"), P::STARTING);
  lossy_.lose_after = 0;
  Pass(absl::Seconds(3), {"mac-01"});
  EXPECT_EQ(Placement("build").attempt(), 1);
  CheckIndex();
}

TEST_F(PlacerTest, WhatMayHaveBeenPlacedKeepsItsRoomUntilThatIsKnown) {
  AddImages();
  AddHost("mac-01");
  // The oldest waits for an image; the others can go.
  Apply(VmNamed("vm-0", "registry.example/late:1"));
  clock.Advance(absl::Milliseconds(10));
  // Two are placed, which nobody learns, neither by the answer nor by an event.
  lossy_.after_write = [this] { lossy_.hold_events = true; };
  lossy_.lose_after = 1;
  lossy_.fail_get = true;
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  *request.add_objects()->mutable_resource() = VmNamed("vm-1");
  *request.add_objects()->mutable_resource() = VmNamed("vm-2");
  ASSERT_TRUE(resources->Apply(AsAdmin(), request)->applied());
  Settle();
  ASSERT_EQ(Phase("vm-1"), P::STARTING);
  ASSERT_EQ(Phase("vm-2"), P::STARTING);
  lossy_.lose_after = 0;
  // Now the oldest could go, and by all that is known for sure the host is empty.
  images["registry.example/late:1"] = images["registry.example/sonoma:1"];
  Pass(absl::Seconds(40), {"mac-01"});
  CheckSlots();
  lossy_.fail_get = false;
  lossy_.hold_events = false;
  lossy_.after_write = nullptr;
  Pass(absl::Seconds(20), {"mac-01"});
  EXPECT_EQ(Placement("vm-0").why(), "1 host: 1 no free macOS slot");
  CheckSlots();
  CheckIndex();
}

TEST_F(PlacerTest, AnImageThatComesLateIsFoundWithoutAnyEvent) {
  AddHost("mac-01");
  Apply(VmNamed("build", "registry.example/late:1"));
  EXPECT_EQ(Phase("build"), P::PENDING);
  images["registry.example/late:1"] = {.digest = Digest('e'), .os = "linux", .arch = "arm64"};
  Pass(absl::Seconds(20), {"mac-01"});
  EXPECT_EQ(Phase("build"), P::STARTING);
}

TEST_F(PlacerTest, OwnPlacementsCountBeforeTheViewShowsThem) {
  AddImages();
  AddHost("mac-01");
  for (const char* name : {"vm-1", "vm-2", "vm-3", "vm-4"}) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    *request.add_objects()->mutable_resource() = VmNamed(name);
    ASSERT_TRUE(resources->Apply(AsAdmin(), request)->applied());
  }
  // One look at all four, then no more events: what follows is decided on the old picture.
  control->Step();
  lossy_.hold_events = true;
  Pass(absl::Seconds(10), {"mac-01"});
  CheckSlots();
  lossy_.hold_events = false;
  Pass(absl::Seconds(10), {"mac-01"});
  CheckSlots();
  CheckIndex();
}

TEST_F(PlacerTest, APlacementThatNeverHappenedIsMadeAgain) {
  AddImages();
  AddHost("mac-01");
  lossy_.lose_before = 1;
  Apply(VmNamed("build"));
  EXPECT_EQ(Placement("build").host(), "");
  lossy_.lose_before = 0;
  Pass(absl::Seconds(5), {"mac-01"});
  EXPECT_EQ(Phase("build"), P::STARTING);
  CheckIndex();
}

TEST_F(PlacerTest, UnderRandomLossesNoSlotIsTakenTwiceAndTheIndexStaysTrue) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random choices(seed);
    AddImages();
    const std::vector<std::string> hosts = {"mac-01", "mac-02", "mac-03"};
    for (const std::string& host : hosts) AddHost(host);
    lossy_.lose_before = 0.1;
    lossy_.lose_after = 0.1;
    for (int step = 0; step < 60; ++step) {
      const std::string name = absl::StrCat("vm-", choices.Below(9));
      const bool there = Get(VmRef(name)).ok();
      if (!there) {
        Apply(VmNamed(name));
      } else if (choices.Chance(0.3)) {
        ASSERT_TRUE(Delete(VmRef(name)).ok());
      } else if (choices.Chance(0.3)) {
        Report(name, choices.Chance(0.7) ? v1::VmObserved::RUNNING : v1::VmObserved::FAILED)
            .IgnoreError();
      }
      if (choices.Chance(0.5)) EndAsked();
      lossy_.hold_events = choices.Chance(0.4);
      Pass(absl::Milliseconds(500), hosts);
      CheckSlots();
      if (HasFatalFailure()) return;
    }
    lossy_.lose_before = lossy_.lose_after = 0;
    lossy_.hold_events = false;
    Pass(absl::Seconds(60), hosts);
    CheckIndex();
    if (HasFatalFailure()) return;
    for (const std::string& name : Names(Kind::kVm)) {
      EXPECT_TRUE(!Placement(name).why().empty() || Phase(name) == P::RUNNING) << name;
    }
    for (const std::string& name : Names(Kind::kVm)) {
      // Others that were going already may have gone with the one before.
      if (!Get(VmRef(name)).ok()) continue;
      ASSERT_TRUE(Delete(VmRef(name)).ok());
      EndAsked();
    }
  }
}

}  // namespace
}  // namespace espalier::control
