// Every cell of the lifecycle's table from a VM that is in that situation, and what must hold of
// any decision whatever the situation is.
#include "engine/control/lifecycle.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/model/timestamp.h"
#include "gtest/gtest.h"

namespace espalier::control {
namespace {

using P = v1::VmPlacement;
using O = v1::VmObserved;

constexpr Want kWants[] = {Want::kGone, Want::kExpire, Want::kMove, Want::kOff, Want::kRun};
constexpr Sight kSights[] = {Sight::kNowhere,     Sight::kOver,       Sight::kEndedAgain,
                             Sight::kEndedWell,   Sight::kEndedBadly, Sight::kLostAgain,
                             Sight::kLostForGood, Sight::kSilent,     Sight::kPreparing,
                             Sight::kRunning,     Sight::kStopping};
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

// A VM and the facts about its host, in a given situation.
struct Case {
  Resource vm;
  HostFacts facts;

  HostFacts operator()(const std::string&) const { return facts; }
  v1::VmSpec& spec() { return *vm.mutable_vm()->mutable_spec(); }
  P& placement() { return *vm.mutable_vm()->mutable_status()->mutable_placement(); }
  void Report(O::Phase phase) {
    O& observed = *vm.mutable_vm()->mutable_status()->mutable_observed();
    observed.set_uid(vm.metadata().uid());
    observed.set_attempt(placement().attempt());
    observed.set_phase(phase);
    observed.set_message("said why");
    if (phase != O::PULLING) observed.mutable_started_at()->set_seconds(1);
  }
};

Case Running() {
  Case made;
  made.facts = {.known = true, .silent = false};
  v1::Metadata& metadata = *made.vm.mutable_metadata();
  metadata.set_name("vm");
  metadata.set_namespace_("default");
  metadata.set_uid("uid-1");
  metadata.set_generation(4);
  made.spec().set_restart(v1::VmSpec::ON_FAILURE);
  made.placement().set_host("mac-01");
  made.placement().set_attempt(3);
  made.placement().set_phase(P::RUNNING);
  made.placement().set_observed_generation(4);
  SetTime(kNow - absl::Seconds(200), *made.placement().mutable_since());
  SetTime(kNow - absl::Seconds(300), *made.placement().mutable_first_started_at());
  made.Report(O::RUNNING);
  return made;
}

Case In(Want want, Sight sight) {
  Case made = Running();
  switch (sight) {
    case Sight::kNowhere:
      made.placement().clear_host();
      made.placement().set_phase(P::PENDING);
      break;
    case Sight::kOver:
      made.placement().set_phase(P::FAILED);
      made.placement().set_stop(true);
      made.placement().set_why("failed on mac-01: earlier");
      made.Report(O::FAILED);
      break;
    case Sight::kEndedAgain:
      made.Report(O::FAILED);
      break;
    case Sight::kEndedWell:
      made.Report(O::STOPPED);
      break;
    case Sight::kEndedBadly:
      made.spec().set_restart(v1::VmSpec::NEVER);
      made.Report(O::FAILED);
      break;
    case Sight::kLostForGood:
      made.spec().set_restart(v1::VmSpec::NEVER);
      [[fallthrough]];
    case Sight::kLostAgain:
      made.facts.silent = true;
      made.facts.until_surely_ended = absl::ZeroDuration();
      break;
    case Sight::kSilent:
      made.facts.silent = true;
      made.facts.until_surely_ended = absl::Seconds(5);
      break;
    case Sight::kPreparing:
      made.Report(O::PULLING);
      made.placement().set_phase(P::STARTING);
      break;
    case Sight::kRunning:
      break;
    case Sight::kStopping:
      made.Report(O::STOPPING);
      break;
  }
  switch (want) {
    case Want::kGone:
      made.vm.mutable_metadata()->mutable_deleting_since()->set_seconds(1);
      break;
    case Want::kExpire:
      made.spec().set_ttl_seconds(60);
      break;
    case Want::kMove:
      made.facts.leave = "drain by ana: disk swap";
      break;
    case Want::kOff:
      made.spec().set_power(v1::VmSpec::OFF);
      break;
    case Want::kRun:
      break;
  }
  return made;
}

// A drain has nothing to say of a VM that is nowhere or over.
bool CanBe(Want want, Sight sight) {
  return want != Want::kMove || (sight != Sight::kNowhere && sight != Sight::kOver);
}

std::string NameOf(Want want, Sight sight) {
  return absl::StrCat("want ", static_cast<int>(want), ", sight ", static_cast<int>(sight));
}

// What one cell is expected to do: its phase, and one letter for what becomes of the run.
//   .  stays  s  asked to stop  l  place left  L  left, booked as retiring
//   d  place left, disk kept  e  ended for good  E  the same, booked  f  the object goes
struct Row {
  Want want;
  const char* cells[std::size(kSights)];
};

// Columns as in kSights: nowhere over again well badly lost lost-for-good silent prepares runs
// stops.
constexpr Row kExpected[] = {
    {Want::kGone,
     {"f", "f", "f", "f", "f", "f", "f", "UNKNOWN s", "STOPPING s", "STOPPING s", "STOPPING s"}},
    {Want::kExpire,
     {"EXPIRED e", "FAILED .", "EXPIRED e", "EXPIRED e", "EXPIRED e", "EXPIRED E", "EXPIRED E",
      "UNKNOWN s", "STOPPING s", "STOPPING s", "STOPPING s"}},
    {Want::kMove,
     {"", "", "PENDING l", "STOPPED e", "FAILED e", "PENDING L", "FAILED E", "UNKNOWN s",
      "STOPPING s", "STOPPING s", "STOPPING s"}},
    {Want::kOff,
     {"STOPPED .", "STOPPED l", "STOPPED d", "STOPPED d", "STOPPED d", "STOPPED L", "STOPPED L",
      "UNKNOWN s", "STOPPING s", "STOPPING s", "STOPPING s"}},
    {Want::kRun,
     {"PENDING .", "FAILED .", "PENDING l", "STOPPED e", "FAILED e", "PENDING L", "FAILED E",
      "UNKNOWN .", "STARTING .", "RUNNING .", "STOPPING s"}},
};

std::string WhatHappens(const Case& before, const LifecycleDecision& decision) {
  if (decision.finalize) return "f";
  const P& was = before.vm.vm().status().placement();
  const P& is = decision.placement;
  const bool retires = is.retiring_size() > was.retiring_size();
  std::string letter = ".";
  if (!was.host().empty() && is.host().empty()) {
    letter = retires ? "L" : is.disk_host().empty() ? "l" : "d";
  } else if (is.stop() && !was.stop()) {
    const bool over =
        is.phase() == P::STOPPED || is.phase() == P::FAILED || is.phase() == P::EXPIRED;
    letter = !over ? "s" : retires ? "E" : "e";
  }
  return absl::StrCat(P::Phase_Name(is.phase()), " ", letter);
}

TEST(LifecycleTest, EveryCellOfTheTableDoesWhatItSays) {
  for (const Row& row : kExpected) {
    for (std::size_t i = 0; i < std::size(kSights); ++i) {
      if (!CanBe(row.want, kSights[i])) continue;
      SCOPED_TRACE(NameOf(row.want, kSights[i]));
      const Case made = In(row.want, kSights[i]);
      ASSERT_EQ(WantOf(made.vm, made, kNow), row.want);
      ASSERT_EQ(SightOf(made.vm, made, kNow), kSights[i]);
      EXPECT_EQ(WhatHappens(made, Decide(made.vm, made, kNow)), row.cells[i]);
    }
  }
}

TEST(LifecycleTest, WhateverDoesNotRunSaysWhy) {
  for (const Want want : kWants) {
    for (const Sight sight : kSights) {
      if (!CanBe(want, sight)) continue;
      const Case made = In(want, sight);
      const LifecycleDecision decision = Decide(made.vm, made, kNow);
      if (decision.finalize || decision.placement.phase() == P::RUNNING) continue;
      EXPECT_NE(decision.placement.why(), "") << NameOf(want, sight);
    }
  }
}

TEST(LifecycleTest, ARunOfAnotherIncarnationKeepsItFromGoing) {
  Case made = In(Want::kGone, Sight::kNowhere);
  v1::RetiringRun& run = *made.placement().add_retiring();
  run.set_uid("an-older-uid");
  run.set_host("mac-01");
  EXPECT_FALSE(Decide(made.vm, made, kNow).finalize);
  // Its agent reports the end.
  Case reported = made;
  v1::EndedRun& ended = *reported.vm.mutable_vm()->mutable_status()->add_ended();
  ended.set_uid("an-older-uid");
  EXPECT_TRUE(Decide(reported.vm, reported, kNow).finalize);
  // Or its host is silent for long enough.
  made.facts.silent = true;
  made.facts.until_surely_ended = absl::ZeroDuration();
  EXPECT_TRUE(Decide(made.vm, made, kNow).finalize);
  // Unless that run was kept, whatever the new incarnation shall be.
  made.spec().set_partition(v1::VmSpec::KEEP);
  EXPECT_TRUE(Decide(made.vm, made, kNow).finalize);
  made.placement().mutable_retiring(0)->set_kept(true);
  EXPECT_FALSE(Decide(made.vm, made, kNow).finalize);
}

TEST(LifecycleTest, AChangedPartitionPolicyCountsOnceTheAgentHasSaidSo) {
  Case made = Running();
  O& observed = *made.vm.mutable_vm()->mutable_status()->mutable_observed();
  const auto change_to = [&](v1::VmSpec::Partition policy) {
    made.spec().set_partition(policy);
    made.placement() = Decide(made.vm, made, kNow).placement;
  };
  const auto sight_if_lost = [&] {
    Case lost = made;
    lost.facts.silent = true;
    lost.facts.until_surely_ended = absl::ZeroDuration();
    return SightOf(lost.vm, lost, kNow);
  };
  EXPECT_EQ(sight_if_lost(), Sight::kLostAgain) << "it was fenced from the start";
  change_to(v1::VmSpec::KEEP);
  EXPECT_TRUE(made.placement().kept());
  EXPECT_EQ(sight_if_lost(), Sight::kSilent);
  observed.set_kept_changes(1);
  EXPECT_EQ(sight_if_lost(), Sight::kSilent);

  change_to(v1::VmSpec::FENCE);
  EXPECT_FALSE(made.placement().kept());
  EXPECT_EQ(sight_if_lost(), Sight::kSilent) << "its agent may not have heard of it";
  observed.set_kept_changes(2);
  EXPECT_EQ(sight_if_lost(), Sight::kLostAgain);

  // There and back again: what was said of the first change proves nothing.
  change_to(v1::VmSpec::KEEP);
  change_to(v1::VmSpec::FENCE);
  EXPECT_EQ(sight_if_lost(), Sight::kSilent);
  observed.set_kept_changes(4);
  EXPECT_EQ(sight_if_lost(), Sight::kLostAgain);
}

TEST(LifecycleTest, PowerOffAndOnInOneBreathStartsItAgain) {
  Case made = In(Want::kRun, Sight::kEndedWell);
  made.vm.mutable_metadata()->set_generation(6);
  EXPECT_EQ(SightOf(made.vm, made, kNow), Sight::kEndedAgain);
  EXPECT_EQ(Decide(made.vm, made, kNow).placement.failures(), 0u) << "nobody failed";
}

TEST(LifecycleTest, PowerThatComesBackWhileItStopsStartsItAgainAfterwards) {
  Case made = Running();
  made.placement().set_phase(P::STOPPING);
  const P stopping = Decide(made.vm, made, kNow).placement;
  EXPECT_EQ(stopping.phase(), P::STOPPING);
  EXPECT_TRUE(stopping.stop());
  made.placement() = stopping;
  made.Report(O::STOPPED);
  EXPECT_EQ(Decide(made.vm, made, kNow).placement.phase(), P::PENDING);
}

TEST(LifecycleTest, AStopIsNeverTakenBack) {
  Case made = Running();
  made.placement().set_stop(true);
  made.placement().set_phase(P::STOPPING);
  const LifecycleDecision decision = Decide(made.vm, made, kNow);
  EXPECT_EQ(decision.placement.phase(), P::STOPPING);
  EXPECT_TRUE(decision.placement.stop());
}

TEST(LifecycleTest, FailuresInARowWaitLongerAndALongRunForgivesThem) {
  EXPECT_EQ(RestartBackOff(0), absl::ZeroDuration());
  EXPECT_EQ(RestartBackOff(1), absl::Seconds(1));
  EXPECT_EQ(RestartBackOff(3), absl::Seconds(4));
  EXPECT_EQ(RestartBackOff(1000), absl::Seconds(30));
  Case quick = In(Want::kRun, Sight::kEndedAgain);
  quick.placement().set_failures(3);
  SetTime(kNow - absl::Seconds(5), *quick.placement().mutable_since());
  const P after = Decide(quick.vm, quick, kNow).placement;
  EXPECT_EQ(after.failures(), 4u);
  EXPECT_EQ(TimeOf(after.not_before()), kNow + absl::Seconds(8));
  SetTime(kNow - absl::Seconds(90), *quick.placement().mutable_since());
  EXPECT_EQ(Decide(quick.vm, quick, kNow).placement.failures(), 1u);
}

// A VM that was powered off on mac-01, and is on again.
Case OnAgain() {
  Case made = In(Want::kOff, Sight::kEndedWell);
  made.placement() = Decide(made.vm, made, kNow).placement;
  EXPECT_EQ(made.placement().disk_host(), "mac-01");
  EXPECT_EQ(made.placement().why(), "powered off; its disk is on mac-01");
  made.spec().set_power(v1::VmSpec::ON);
  return made;
}

TEST(LifecycleTest, WhatWasPoweredOffWaitsForItsDisk) {
  Case made = OnAgain();
  EXPECT_EQ(Decide(made.vm, made, kNow).placement.disk_host(), "mac-01");
  made.facts.silent = true;
  made.facts.until_surely_ended = absl::Seconds(9);
  EXPECT_EQ(Decide(made.vm, made, kNow).placement.disk_host(), "mac-01");
  EXPECT_EQ(Decide(made.vm, made, kNow).again, absl::Seconds(9));
  // Until it runs: a start that fails loses nothing.
  Case started = OnAgain();
  started.placement().set_host("mac-01");
  started.placement().set_attempt(4);
  started.placement().set_phase(P::STARTING);
  started.Report(O::STARTING);
  EXPECT_EQ(Decide(started.vm, started, kNow).placement.disk_host(), "mac-01");
  started.Report(O::FAILED);
  EXPECT_EQ(Decide(started.vm, started, kNow).placement.disk_host(), "mac-01");
  started.Report(O::RUNNING);
  EXPECT_EQ(Decide(started.vm, started, kNow).placement.disk_host(), "");
}

TEST(LifecycleTest, AKeptDiskIsGivenUpWhenItsHostIsAndSaysSo) {
  struct Row {
    const char* name;
    bool off = false;
    bool kept = false;
    HostFacts facts;
    const char* healed;
  };
  const HostFacts gone = {.known = false, .silent = true};
  const HostFacts lost = {
      .known = true, .silent = true, .until_surely_ended = absl::ZeroDuration()};
  const HostFacts drained = {.known = true, .silent = false, .leave = "drain by ana: swap"};
  constexpr char kPrefix[] = "the disk that mac-01 kept was given up: ";
  for (const Row& row : {
           Row{.name = "gone", .facts = gone, .healed = "the host is gone"},
           Row{.name = "gone while off", .off = true, .facts = gone, .healed = "the host is gone"},
           Row{.name = "lost", .facts = lost, .healed = "the host is silent"},
           Row{.name = "lost while off", .off = true, .facts = lost, .healed = ""},
           Row{.name = "lost, to be kept", .kept = true, .facts = lost, .healed = ""},
           Row{.name = "drained", .facts = drained, .healed = "drain by ana: swap"},
           Row{.name = "drained while off", .off = true, .facts = drained, .healed = ""},
       }) {
    SCOPED_TRACE(row.name);
    Case made = OnAgain();
    made.facts = row.facts;
    if (row.off) made.spec().set_power(v1::VmSpec::OFF);
    if (row.kept) made.spec().set_partition(v1::VmSpec::KEEP);
    const P after = Decide(made.vm, made, kNow).placement;
    EXPECT_EQ(after.disk_host().empty(), row.healed[0] != '\0');
    EXPECT_EQ(after.healed_what(), row.healed[0] == '\0' ? "" : absl::StrCat(kPrefix, row.healed));
  }
  // Pinned elsewhere, it was its owner's wish.
  Case pinned = OnAgain();
  pinned.spec().set_host("mac-02");
  EXPECT_EQ(Decide(pinned.vm, pinned, kNow).placement.disk_host(), "");
  EXPECT_EQ(Decide(pinned.vm, pinned, kNow).placement.healed_what(), "");
}

TEST(LifecycleTest, APowerHoldStopsItAndSaysWho) {
  Case made = Running();
  v1::Hold& hold = (*made.vm.mutable_metadata()->mutable_holds())["power"];
  hold.set_by("ana");
  hold.set_why("too hot");
  EXPECT_EQ(WantOf(made.vm, made, kNow), Want::kOff);
  EXPECT_EQ(Decide(made.vm, made, kNow).placement.why(), "powered off by ana: too hot");
}

TEST(LifecycleTest, AHostThatWasBootedAnewHasEndedItsRuns) {
  Case made = Running();
  made.facts.boot_id = "boot-2";
  const auto seen_under = [&](const char* boot_id) {
    made.vm.mutable_vm()->mutable_status()->mutable_observed()->set_boot_id(boot_id);
  };
  seen_under("boot-2");
  EXPECT_EQ(SightOf(made.vm, made, kNow), Sight::kRunning);
  seen_under("boot-1");
  EXPECT_EQ(SightOf(made.vm, made, kNow), Sight::kLostAgain);
  // Whatever its policy, and although its host is heard or not heard yet.
  made.spec().set_partition(v1::VmSpec::KEEP);
  made.facts.silent = true;
  EXPECT_EQ(SightOf(made.vm, made, kNow), Sight::kLostAgain);
  const P after = Decide(made.vm, made, kNow).placement;
  EXPECT_EQ(after.phase(), P::PENDING);
  EXPECT_EQ(after.healed_what(), "host mac-01 was booted anew with attempt 3");
  // What was only about to start may be started yet.
  made.Report(O::PULLING);
  EXPECT_EQ(SightOf(made.vm, made, kNow), Sight::kSilent);
}

TEST(LifecycleTest, ARetiringRunEndsWithTheBootThatItWasSeenUnder) {
  Case made = In(Want::kGone, Sight::kNowhere);
  v1::RetiringRun& run = *made.placement().add_retiring();
  run.set_uid("an-older-uid");
  run.set_host("mac-01");
  run.set_boot_id("boot-1");
  made.facts.boot_id = "boot-1";
  EXPECT_FALSE(Decide(made.vm, made, kNow).finalize);
  made.facts.boot_id = "boot-2";
  EXPECT_TRUE(Decide(made.vm, made, kNow).finalize);
}

// Random situations, also such as never come about by themselves.
TEST(LifecycleTest, NoDecisionLeavesARunThatMayLive) {
  Random random(17);
  for (int i = 0; i < 20000; ++i) {
    Case made = Running();
    made.placement().set_phase(static_cast<P::Phase>(random.Below(9)));
    made.placement().set_stop(random.Chance(0.3));
    if (random.Chance(0.2)) made.placement().clear_host();
    made.Report(static_cast<O::Phase>(random.Below(8)));
    if (random.Chance(0.2)) {
      made.vm.mutable_vm()->mutable_status()->mutable_observed()->set_attempt(2);
    }
    made.facts.known = random.Chance(0.8);
    made.facts.silent = !made.facts.known || random.Chance(0.4);
    made.facts.until_surely_ended = absl::Seconds(random.Chance(0.5) ? 0 : 7);
    if (random.Chance(0.2)) made.facts.leave = "drain";
    made.spec().set_restart(static_cast<v1::VmSpec::Restart>(1 + random.Below(3)));
    made.spec().set_partition(random.Chance(0.3) ? v1::VmSpec::KEEP : v1::VmSpec::FENCE);
    made.placement().set_kept(random.Chance(0.3));
    made.placement().set_kept_changes(static_cast<std::int64_t>(random.Below(3)));
    made.vm.mutable_vm()->mutable_status()->mutable_observed()->set_kept_changes(
        static_cast<std::int64_t>(random.Below(3)));
    made.spec().set_power(random.Chance(0.3) ? v1::VmSpec::OFF : v1::VmSpec::ON);
    if (random.Chance(0.2)) made.spec().set_ttl_seconds(60);
    if (random.Chance(0.2)) {
      made.vm.mutable_metadata()->mutable_deleting_since()->set_seconds(1);
    }
    if (random.Chance(0.2)) {
      v1::RetiringRun& run = *made.placement().add_retiring();
      run.set_uid(random.Chance(0.5) ? "an-older-uid" : made.vm.metadata().uid());
      run.set_host("mac-02");
    }

    const v1::VmStatus& status = made.vm.vm().status();
    const P& was = status.placement();
    const bool over_for_good =
        was.stop() &&
        (was.phase() == P::STOPPED || was.phase() == P::FAILED || was.phase() == P::EXPIRED);
    const bool ended =
        status.observed().attempt() == was.attempt() &&
        (status.observed().phase() == O::STOPPED || status.observed().phase() == O::FAILED ||
         status.observed().phase() == O::FENCED);
    // Silence proves nothing of what its agent may let go on.
    const bool fence_known =
        was.kept_changes() == 0 || (status.observed().attempt() == was.attempt() &&
                                    status.observed().kept_changes() == was.kept_changes());
    const bool kept = made.spec().partition() == v1::VmSpec::KEEP || was.kept() || !fence_known;
    const bool surely_ended = made.facts.silent &&
                              made.facts.until_surely_ended == absl::ZeroDuration() &&
                              !(kept && made.facts.known);
    const bool may_live = !was.host().empty() && !over_for_good && !ended && !surely_ended;

    const LifecycleDecision decision = Decide(made.vm, made, kNow);
    const P& is = decision.placement;
    SCOPED_TRACE(absl::StrCat("case ", i, ": ", made.vm.ShortDebugString()));
    if (may_live) {
      ASSERT_FALSE(decision.finalize);
      ASSERT_EQ(is.host(), was.host());
      ASSERT_EQ(is.attempt(), was.attempt());
      ASSERT_TRUE(is.phase() != P::PENDING && is.phase() != P::FAILED && is.phase() != P::EXPIRED);
    }
    if (decision.finalize) continue;
    // Asked for at once, again and again, it would spin.
    ASSERT_GT(decision.again, absl::ZeroDuration());
    ASSERT_GE(is.attempt(), was.attempt());
    // What was left because of silence alone keeps its room.
    if (!was.host().empty() && is.host().empty() && !ended && !over_for_good) {
      ASSERT_GT(is.retiring_size(), 0);
      ASSERT_EQ(is.retiring().rbegin()->host(), was.host());
      ASSERT_EQ(is.retiring().rbegin()->attempt(), was.attempt());
    }
    // It comes to rest by itself.
    Case next = made;
    for (int step = 0; step < 4; ++step) {
      const LifecycleDecision again = Decide(next.vm, next, kNow);
      if (again.finalize || !again.changed) break;
      ASSERT_LT(step, 3);
      next.placement() = again.placement;
    }
  }
}

}  // namespace
}  // namespace espalier::control
