#include "macagent/driver/sim_file.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"

namespace espalier::agent {
namespace {

constexpr char kDir[] = "/state/sim";

class SimFileTest : public testing::Test {
 protected:
  SimFileTest() { Restart(); }
  void Restart() {
    driver_.reset();
    auto made = MakeFileSimDriver(clock_, random_, io_, kDir, {});
    ASSERT_TRUE(made.ok()) << made.status();
    driver_ = *std::move(made);
  }
  RunSpec Spec() {
    return {.id = {"0a", 1},
            .owner = "ci/build",
            .guest_os = "darwin",
            .cpu = 2,
            .memory_mib = 2048,
            .lease_until = clock_.Elapsed() + absl::Hours(1)};
  }
  // As a person's command does, without its waiting.
  std::string Order(const std::string& words) {
    const std::string path = std::string(kDir) + "/orders/1";
    EXPECT_EQ(io_.WriteFile(path, words, 0600), absl::OkStatus());
    EXPECT_TRUE(driver_->List().ok());
    EXPECT_TRUE(absl::IsNotFound(io_.Stat(path).status())) << "the order was not taken";
    const auto error = io_.ReadFile(path + ".err", 10000);
    (void)io_.RemoveAll(path + ".err");
    return error.ok() ? *error : "";
  }

  FakeClock clock_;
  Random random_{1};
  FakeIo io_{clock_};
  std::unique_ptr<Driver> driver_;
};

TEST_F(SimFileTest, MachinesOutliveTheProcess) {
  const std::string boot_id = driver_->GetCapacity().boot_id;
  ASSERT_EQ(driver_->Start(Spec()), absl::OkStatus());
  Restart();
  EXPECT_EQ(driver_->GetCapacity().boot_id, boot_id);
  clock_.Advance(absl::Seconds(10));
  const Listing listing = *driver_->List();
  ASSERT_EQ(listing.runs.size(), 1u);
  EXPECT_EQ(listing.runs[0].phase, RunPhase::kRunning);
}

TEST_F(SimFileTest, CarriesOutOrders) {
  ASSERT_EQ(driver_->Start(Spec()), absl::OkStatus());
  EXPECT_EQ(Order("kill-vm\nci/build"), "");
  EXPECT_EQ(Order("add-vm\nby-hand"), "");
  EXPECT_EQ(Order("add-image\nold\n500"), "");
  const Listing listing = *driver_->List();
  EXPECT_EQ(listing.runs[0].phase, RunPhase::kFailed);
  EXPECT_EQ(listing.vms.size(), 1u);
  ASSERT_EQ(listing.images.size(), 1u);
  EXPECT_EQ(listing.images[0].bytes, 500);
  EXPECT_THAT(Order("kill-vm\nnobody"), testing::HasSubstr("no VM \"nobody\""));
  EXPECT_THAT(Order("dance"), testing::HasSubstr("is no order"));
}

// The host's loop and its lease both list.
TEST_F(SimFileTest, CarriesOutAnOrderOnceHoweverManyLook) {
  const auto threads = MakeRealThreads();
  for (int i = 0; i < 200; ++i) {
    const std::string path = absl::StrCat(kDir, "/orders/", i);
    ASSERT_EQ(io_.WriteFile(path, absl::StrCat("add-vm\nstray-", i, "\nlinux"), 0600),
              absl::OkStatus());
    const auto other = threads->Start("looks", [&] { EXPECT_TRUE(driver_->List().ok()); });
    EXPECT_TRUE(driver_->List().ok());
    other->Join();
  }
  EXPECT_EQ(driver_->List()->vms.size(), 200u);
}

TEST_F(SimFileTest, AnOrderThatNobodyTakesIsWithdrawn) {
  FakeClock clock(FakeClock::Mode::kAutoAdvance);
  const absl::Status status =
      GiveSimOrder(clock, random_, io_, kDir, {"kill-vm", "x"}, absl::Seconds(5));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_TRUE(io_.List(std::string(kDir) + "/orders")->empty());
}

TEST_F(SimFileTest, ARecordThatIsNotOursIsAnError) {
  ASSERT_EQ(io_.WriteFile(std::string(kDir) + "/state.json", "{]", 0600), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(MakeFileSimDriver(clock_, random_, io_, kDir, {}).status()));
}

}  // namespace
}  // namespace espalier::agent
