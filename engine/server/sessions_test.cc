#include "engine/server/sessions.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

CallContext AgentOf(const std::string& host) {
  CallContext context;
  context.caller = {.role = Caller::Role::kAgent, .subject = "host " + host, .host = host};
  return context;
}

v1::Beat BeatOf(const std::string& host, const std::string& boot_id, std::int64_t number = 1) {
  v1::Beat beat;
  beat.set_host(host);
  beat.set_boot_id(boot_id);
  beat.set_number(number);
  return beat;
}

class SessionsTest : public testing::Test {
 protected:
  FakeClock clock_;
  LeaseTerms terms_ = {.run_lease = absl::Seconds(30), .interval = absl::Seconds(5)};
  SessionRegistry sessions_{clock_, [this] { return terms_; }};
};

TEST_F(SessionsTest, AnswersABeatWithItsNumberAndTheTerms) {
  const auto ack = sessions_.Beat(AgentOf("mac-01"), BeatOf("mac-01", "b1", 7));
  ASSERT_TRUE(ack.ok()) << ack.status();
  EXPECT_EQ(ack->number(), 7);
  EXPECT_EQ(ack->run_lease_ms(), 30000);
  EXPECT_EQ(ack->interval_ms(), 5000);
}

TEST_F(SessionsTest, ShowsWhoBeatWhenAndWhatItPulls) {
  clock_.Advance(absl::Seconds(3));
  v1::Beat beat = BeatOf("mac-01", "b1");
  (*beat.mutable_pulls())["sha256:aa"].set_done_bytes(17);
  ASSERT_TRUE(sessions_.Beat(AgentOf("mac-01"), beat).ok());
  const auto all = sessions_.Snapshot();
  ASSERT_EQ(all.count("mac-01"), 1u);
  EXPECT_EQ(all.at("mac-01").boot_id, "b1");
  EXPECT_EQ(all.at("mac-01").last_beat - sessions_.started(), absl::Seconds(3));
  EXPECT_EQ(all.at("mac-01").pulls.at("sha256:aa").done_bytes(), 17);
}

TEST_F(SessionsTest, AShorterLeaseDoesNotTakeBackWhatWasPromised) {
  ASSERT_TRUE(sessions_.Beat(AgentOf("mac-01"), BeatOf("mac-01", "b1")).ok());
  const absl::Duration promised = clock_.Elapsed() + absl::Seconds(30);
  clock_.Advance(absl::Seconds(1));
  terms_.run_lease = absl::Seconds(5);
  ASSERT_TRUE(sessions_.Beat(AgentOf("mac-01"), BeatOf("mac-01", "b1")).ok());
  EXPECT_EQ(sessions_.Snapshot().at("mac-01").runs_until, promised);
}

TEST_F(SessionsTest, WakesForAFirstBeatANewBootAndABeatAfterSilence) {
  Wakeup wakeup;
  sessions_.NotifyOn(wakeup, absl::Seconds(20));
  ASSERT_TRUE(sessions_.Beat(AgentOf("mac-01"), BeatOf("mac-01", "b1")).ok());
  EXPECT_TRUE(wakeup.Consume()) << "first beat";
  clock_.Advance(absl::Seconds(19));
  ASSERT_TRUE(sessions_.Beat(AgentOf("mac-01"), BeatOf("mac-01", "b1")).ok());
  EXPECT_FALSE(wakeup.Consume()) << "ordinary beat";
  clock_.Advance(absl::Seconds(20));
  ASSERT_TRUE(sessions_.Beat(AgentOf("mac-01"), BeatOf("mac-01", "b1")).ok());
  EXPECT_TRUE(wakeup.Consume()) << "after silence";
  ASSERT_TRUE(sessions_.Beat(AgentOf("mac-01"), BeatOf("mac-01", "b2")).ok());
  EXPECT_TRUE(wakeup.Consume()) << "new boot";
}

TEST_F(SessionsTest, RefusesABeatForAnotherHostAndFromOtherRoles) {
  EXPECT_EQ(sessions_.Beat(AgentOf("mac-02"), BeatOf("mac-01", "b1")).status().code(),
            absl::StatusCode::kPermissionDenied);
  for (const Caller::Role role :
       {Caller::Role::kEditor, Caller::Role::kViewer, Caller::Role::kReconciler}) {
    CallContext context;
    context.caller.role = role;
    EXPECT_EQ(sessions_.Beat(context, BeatOf("mac-01", "b1")).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
  EXPECT_TRUE(sessions_.Snapshot().empty());
}

TEST_F(SessionsTest, RefusesHostsAboveTheLimitUntilSomeAreLongSilent) {
  CallContext admin;
  admin.caller.role = Caller::Role::kAdmin;
  for (std::size_t i = 0; i < limits::kSessions; ++i) {
    ASSERT_TRUE(sessions_.Beat(admin, BeatOf("h" + std::to_string(i), "b")).ok());
  }
  EXPECT_EQ(sessions_.Beat(admin, BeatOf("one-more", "b")).status().code(),
            absl::StatusCode::kResourceExhausted);
  clock_.Advance(absl::Hours(25));
  EXPECT_TRUE(sessions_.Beat(admin, BeatOf("one-more", "b")).ok());
  EXPECT_EQ(sessions_.size(), 1u);
}

}  // namespace
}  // namespace espalier
