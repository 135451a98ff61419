// Core's calls against an engine in memory: what is asked of the engine, and what goes into state.
#include "provider/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/retry_after.h"
#include "engine/model/timestamp.h"
#include "provider/testing/values.h"
#include "provider/testing/vm_world.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ProviderTest : public testing::Test, protected VmWorld {
 protected:
  ProviderTest() { ConfigureAtEngine(); }

  // Plans and applies; the VM runs as soon as it is waited for.
  Result Created(const Value& config) {
    engine_.on_watch = [this] { engine_.Place(v1::VmPlacement::RUNNING, ""); };
    Result result = Apply(Value(), Plan(Value(), config).state);
    engine_.on_watch = nullptr;
    EXPECT_THAT(result.errors, IsEmpty());
    return result;
  }

  static Problem MakeProblem(Problem::Severity severity, const std::string& code,
                             const std::string& path, const std::string& message) {
    Problem problem;
    problem.set_severity(severity);
    problem.set_code(code);
    problem.set_path(path);
    problem.set_message(message);
    return problem;
  }
};

TEST_F(ProviderTest, CreatesWaitsAndPlansNothingAfterwards) {
  const Result created = Created(Config({{"cpu", Whole(4)}}));
  EXPECT_TRUE(created.state.IsWhollyKnown());
  EXPECT_EQ(created.state.At("status").At("host"), Text("mac-01"));
  EXPECT_EQ(created.state.At("status").At("ip"), Text("10.0.0.7"));
  EXPECT_EQ(Stored()->metadata().owner().instance(), "prod");
  EXPECT_TRUE(engine_.applies.back().objects(0).create_only());

  EXPECT_EQ(Plan(created.state, Config({{"cpu", Whole(4)}})).state, created.state);
  const Result read = Read(created.state);
  EXPECT_EQ(read.state, created.state);
}

TEST_F(ProviderTest, SavesTheUidWhenTheVmDoesNotComeUpInTime) {
  engine_.on_watch = [this] {
    engine_.Place(v1::VmPlacement::PENDING, "10 hosts: 6 no free macOS slot, 4 cordoned");
  };
  const Value config =
      Config({{"timeouts",
               Value::Map({{"create", Text("90s")}, {"delete", Value()}, {"update", Value()}})}});
  const Result created = Apply(Value(), Plan(Value(), config).state);
  ASSERT_THAT(created.errors, SizeIs(1));
  EXPECT_THAT(created.errors[0], HasSubstr("1m30s"));
  EXPECT_THAT(created.errors[0], HasSubstr("6 no free macOS slot, 4 cordoned"));
  EXPECT_EQ(created.state.At("uid"), Text(Stored()->metadata().uid()));
  EXPECT_TRUE(created.state.At("status").At("host").is_null());
  EXPECT_TRUE(created.state.IsWhollyKnown());
  EXPECT_GE(clock_.Elapsed(), absl::Seconds(90));
}

TEST_F(ProviderTest, TellsAtOnceWhenTheVmHasFailedForGood) {
  engine_.on_watch = [this] { engine_.Place(v1::VmPlacement::FAILED, "no such image"); };
  const Result created = Apply(Value(), Plan(Value(), Config()).state);
  ASSERT_THAT(created.errors, SizeIs(1));
  EXPECT_THAT(created.errors[0], HasSubstr("no such image"));
  EXPECT_FALSE(created.state.At("uid").is_null());
  EXPECT_LT(clock_.Elapsed(), absl::Seconds(1));
}

TEST_F(ProviderTest, LeavesAnUntaintedStateWhenInterrupted) {
  engine_.on_watch = [this] { Interrupt(); };
  const Result created = Apply(Value(), Plan(Value(), Config()).state);
  EXPECT_THAT(created.errors, IsEmpty());
  ASSERT_THAT(created.warnings, SizeIs(1));
  EXPECT_EQ(created.state.At("uid"), Text(Stored()->metadata().uid()));
  EXPECT_EQ(Plan(created.state, Config()).state, created.state);
}

TEST_F(ProviderTest, WaitsThroughBrokenWatches) {
  int watches = 0;
  engine_.on_watch = [&] {
    if (++watches < 3) {
      engine_.objects().FailStartWatch(1);
    } else {
      engine_.Place(v1::VmPlacement::RUNNING, "");
    }
  };
  const Result created = Apply(Value(), Plan(Value(), Config()).state);
  EXPECT_THAT(created.errors, IsEmpty());
  EXPECT_EQ(created.state.At("status").At("host"), Text("mac-01"));
  EXPECT_EQ(watches, 3);
}

// The wake-up of a watch is raised once for however many batches lie there.
TEST_F(ProviderTest, SeesEveryBatchThatAWatchHolds) {
  engine_.on_watch = [this] { engine_.Place(v1::VmPlacement::PENDING, ""); };
  engine_.on_watching = [this] {
    for (int i = 0; i < 5; ++i) engine_.Place(v1::VmPlacement::STARTING, absl::StrCat(i));
    engine_.Place(v1::VmPlacement::RUNNING, "");
  };
  const Result created = Apply(Value(), Plan(Value(), Config()).state);
  EXPECT_THAT(created.errors, IsEmpty());
  EXPECT_EQ(clock_.Elapsed(), absl::ZeroDuration());
}

TEST_F(ProviderTest, RepeatsAWriteUnderTheSameNameWhenTheEngineRestarts) {
  const Value planned = Plan(Value(), Config({{"power", Text("off")}})).state;
  engine_.operation_ids.clear();
  engine_.failures = {absl::UnavailableError("away"), absl::UnavailableError("away")};
  const Result created = Apply(Value(), planned);
  EXPECT_THAT(created.errors, IsEmpty());
  ASSERT_THAT(engine_.operation_ids, SizeIs(3));
  EXPECT_FALSE(engine_.operation_ids[0].empty());
  EXPECT_EQ(engine_.operation_ids[0], engine_.operation_ids[2]);
}

TEST_F(ProviderTest, ComesAgainWhenABusyEngineSaysSo) {
  const Value planned = Plan(Value(), Config({{"power", Text("off")}})).state;
  const absl::Status busy = absl::ResourceExhaustedError("too many calls wait");
  engine_.operation_ids.clear();
  engine_.failures = {WithRetryAfter(busy, absl::Seconds(1)),
                      WithRetryAfter(busy, absl::Seconds(2))};
  const absl::Duration began = clock_.Elapsed();
  EXPECT_THAT(Apply(Value(), planned).errors, IsEmpty());
  EXPECT_THAT(engine_.operation_ids, SizeIs(3));
  EXPECT_GE(clock_.Elapsed() - began, absl::Seconds(3));

  // One that wants to be left alone for longer than people wait is not asked again.
  engine_.operation_ids.clear();
  engine_.failures = {WithRetryAfter(busy, absl::Minutes(1))};
  EXPECT_THAT(Apply(Value(), planned).errors, SizeIs(1));
  EXPECT_THAT(engine_.operation_ids, SizeIs(1));
}

TEST_F(ProviderTest, TellsWhatTheEngineRefusedAndWhatToDo) {
  const Value planned = Plan(Value(), Config({{"power", Text("off")}})).state;
  struct Case {
    absl::Status status;
    const char* told;
  };
  // What core shows below the summary, as HTTP would number it.
  const Case cases[] = {
      {absl::UnauthenticatedError("unknown token"),  // 401
       "unknown token\n\nThe engine does not know this token. Check `token` (or ESPALIER_TOKEN); "
       "tokens may have been revoked or have ended."},
      {absl::PermissionDeniedError("role viewer may not write"),  // 403
       "role viewer may not write\n\nThe token's role does not allow this. `espalier token create "
       "--role ROLE` makes another token."},
      {absl::AbortedError("vm ci/build changed meanwhile"),  // 409
       "vm ci/build changed meanwhile\n\nSomebody else has changed it meanwhile. Plan again, to "
       "see what an apply would do now."},
      {absl::ResourceExhaustedError("a set has at most 10000 objects"),  // 429
       "a set has at most 10000 objects\n\nThe engine refused it because a limit is reached."},
      {absl::InternalError("the store is broken"),  // 500
       "the store is broken\n\nThe engine failed at it; its log says why. What it did is seen by "
       "the next `terraform plan`."},
      {absl::UnknownError("stream removed"),  // 500 of something between
       "stream removed\n\nThe engine failed at it; its log says why. What it did is seen by the "
       "next `terraform plan`."},
      {absl::UnavailableError("engine mac:7443: Connection refused"),  // 503
       "engine mac:7443: Connection refused\n\nThe engine did not answer. Check `endpoint` (or "
       "ESPALIER_ENGINE) and that espalierd runs."},
      {absl::DeadlineExceededError("Deadline Exceeded"),  // slow
       "Deadline Exceeded\n\nThe engine took too long. What it did is seen by the next `terraform "
       "plan`."},
  };
  for (const Case& each : cases) {
    engine_.failures.assign(50, each.status);
    const Result created = Apply(Value(), planned);
    EXPECT_TRUE(created.state.is_null());
    EXPECT_THAT(created.warnings, IsEmpty());
    EXPECT_THAT(created.errors,
                ::testing::ElementsAre(absl::StrCat("Cannot create vm ci/build: ", each.told)));
    EXPECT_EQ(Stored(), nullptr);
  }
}

TEST_F(ProviderTest, KeepsNothingOfACreateThatWasRefused) {
  const Value planned = Plan(Value(), Config()).state;
  engine_.problems = {MakeProblem(Problem::ERROR, "owner_conflict", "", "belongs to git fleet")};
  const Result created = Apply(Value(), planned);
  ASSERT_THAT(created.errors, SizeIs(1));
  EXPECT_THAT(created.errors[0], HasSubstr("belongs to git fleet"));
  EXPECT_TRUE(created.state.is_null());
}

TEST_F(ProviderTest, SaysConflictsAndMissingRoomInThePlan) {
  engine_.problems = {MakeProblem(Problem::ERROR, "owner_conflict", "",
                                  "belongs to git fleet (fleet.yaml:12), not to terraform prod"),
                      MakeProblem(Problem::NOTE, "missing_reference", "spec.image", "not there")};
  engine_.capacity.set_short_(true);
  engine_.capacity.add_verdicts("1 wanted, 0 slots: 1 waits");
  const Result plan = Plan(Value(), Config());
  ASSERT_THAT(plan.errors, SizeIs(1));
  EXPECT_THAT(plan.errors[0], HasSubstr("git fleet (fleet.yaml:12), not to terraform prod"));
  ASSERT_THAT(plan.warnings, SizeIs(1));
  EXPECT_THAT(plan.warnings[0], HasSubstr("1 waits"));
  EXPECT_TRUE(engine_.applies.back().dry_run());
  // What is planned does not depend on what the engine says.
  EXPECT_EQ(plan.state, Plan(Value(), Config()).state);
}

// One that is applied may be deleted before, so a plan is no place to refuse it.
TEST_F(ProviderTest, WarnsOfAQuotaInThePlanAndIsRefusedByIt) {
  const Problem exceeded = MakeProblem(Problem::ERROR, "quota_exceeded", "spec.cpu",
                                       "namespace ci has a quota of 4 cpu");
  engine_.problems = {exceeded};
  const Result plan = Plan(Value(), Config());
  EXPECT_THAT(plan.errors, IsEmpty());
  ASSERT_THAT(plan.warnings, SizeIs(1));
  EXPECT_THAT(plan.warnings[0], HasSubstr("vm ci/build: namespace ci has a quota of 4 cpu"));
  engine_.later_problems.assign(20, {exceeded});
  engine_.problems = {exceeded};
  EXPECT_THAT(Apply(Value(), plan.state).errors, SizeIs(1));
  EXPECT_LE(clock_.Elapsed(), absl::Seconds(8));
  EXPECT_EQ(Stored(), nullptr);
}

TEST_F(ProviderTest, WaitsAMomentForWhatTheSameRunDeletes) {
  const Value planned = Plan(Value(), Config({{"power", Text("off")}})).state;
  const Problem exceeded = MakeProblem(Problem::ERROR, "quota_exceeded", "spec.cpu",
                                       "namespace ci has a quota of 4 cpu");
  engine_.problems = {exceeded};
  engine_.later_problems = {{exceeded}};
  EXPECT_THAT(Apply(Value(), planned).errors, IsEmpty());
  EXPECT_NE(Stored(), nullptr);
}

TEST_F(ProviderTest, AsksAboutOnePlanUnderOneWord) {
  Plan(Value(), Config());
  const std::string word = engine_.applies.back().preview_of();
  EXPECT_NE(word, "");
  Plan(Value(), Config({{"name", Text("other")}}));
  EXPECT_EQ(engine_.applies.back().preview_of(), word);
}

TEST_F(ProviderTest, KnowsWhatAReplacementReplaces) {
  const Result created = Created(Config());
  // Core plans a tainted object as a plain create.
  Plan(Value(), Config());
  EXPECT_EQ(engine_.applies.back().objects(0).uid(), created.state.At("uid").text());
  EXPECT_FALSE(engine_.applies.back().objects(0).create_only());
  Apply(created.state, Value());
  Plan(Value(), Config());
  EXPECT_TRUE(engine_.applies.back().objects(0).create_only());
}

TEST_F(ProviderTest, RemembersTheIncarnationsOfState) {
  tfplugin6::UpgradeResourceState::Request request;
  request.set_type_name("espalier_vm");
  request.mutable_raw_state()->set_json(
      "{\"name\": \"build\", \"namespace\": \"ci\", \"uid\": \"u9\"}");
  Ask<tfplugin6::UpgradeResourceState>(request);
  Plan(Value(), Config());
  EXPECT_EQ(engine_.applies.back().objects(0).uid(), "u9");
  // Another name is another object.
  Plan(Value(), Config({{"name", Text("other")}}));
  EXPECT_TRUE(engine_.applies.back().objects(0).create_only());
}

TEST_F(ProviderTest, AsksTheEngineNothingWhenNothingChanges) {
  const Result created = Created(Config());
  engine_.applies.clear();
  Plan(created.state, Config());
  EXPECT_THAT(engine_.applies, IsEmpty());
}

TEST_F(ProviderTest, ProvesItsIncarnationInUpdates) {
  const Result created = Created(Config());
  const Result plan = Plan(created.state, Config({{"restart", Text("always")}}));
  EXPECT_THAT(plan.replaces, IsEmpty());
  const Result updated = Apply(created.state, plan.state);
  EXPECT_THAT(updated.errors, IsEmpty());
  EXPECT_EQ(engine_.applies.back().objects(0).uid(), created.state.At("uid").text());
  EXPECT_EQ(updated.state.At("restart"), Text("always"));
  EXPECT_EQ(updated.state.At("uid"), created.state.At("uid"));
  EXPECT_EQ(Stored()->vm().spec().restart(), v1::VmSpec::ALWAYS);
}

TEST_F(ProviderTest, ChangesNothingThatWasChangedSinceItWasRead) {
  const Result created = Created(Config());
  const Result plan =
      Plan(created.state, Config({{"restart", Text("always")}}), created.private_data);
  Resource edited = *Stored();
  edited.mutable_vm()->mutable_spec()->set_ttl_seconds(60);
  edited.mutable_metadata()->set_generation(2);
  engine_.objects().Put(edited);
  const Result refused = Apply(created.state, plan.state, plan.private_data);
  ASSERT_THAT(refused.errors, SizeIs(1));
  EXPECT_EQ(refused.state, created.state);
  EXPECT_EQ(refused.private_data, created.private_data);
  EXPECT_EQ(Stored()->vm().spec().ttl_seconds(), 60u);

  // Once Terraform has read it, its plan shows what it takes back.
  const Result read = Read(created.state, created.private_data);
  const Result again = Plan(read.state, Config({{"restart", Text("always")}}), read.private_data);
  const Result updated = Apply(read.state, again.state, again.private_data);
  EXPECT_THAT(updated.errors, IsEmpty());
  EXPECT_EQ(Stored()->vm().spec().ttl_seconds(), 0u);
  EXPECT_EQ(Stored()->metadata().generation(), 3);
  // What it wrote it has read.
  const Result next = Plan(updated.state, Config(), updated.private_data);
  EXPECT_THAT(Apply(updated.state, next.state, next.private_data).errors, IsEmpty());
}

TEST_F(ProviderTest, WaitsUntilAnUpdateIsInForce) {
  const Result created = Created(Config());
  const Result plan = Plan(created.state, Config({{"restart", Text("always")}}));
  Resource moving = *Stored();
  moving.mutable_vm()->mutable_status()->mutable_placement()->set_phase(v1::VmPlacement::STOPPING);
  engine_.objects().Put(moving);
  engine_.on_watching = [this] {
    Resource placed = *Stored();
    v1::VmStatus& status = *placed.mutable_vm()->mutable_status();
    status.mutable_placement()->set_phase(v1::VmPlacement::RUNNING);
    status.mutable_observed()->set_ip("10.0.0.8");
    engine_.objects().Put(placed);
  };
  const Result updated = Apply(created.state, plan.state);
  EXPECT_THAT(updated.errors, IsEmpty());
  EXPECT_EQ(updated.state.At("status").At("ip"), Text("10.0.0.8"));
}

TEST_F(ProviderTest, AnUpdateHasItsOwnTimeoutAndSaysWhy) {
  const Result created = Created(Config());
  engine_.on_watch = [this] {
    engine_.Place(v1::VmPlacement::PENDING, "1 host: 1 no free slot; its disk is on mac-01");
  };
  Resource moving = *Stored();
  moving.mutable_vm()->mutable_status()->mutable_placement()->set_phase(v1::VmPlacement::STOPPING);
  engine_.objects().Put(moving);
  const Value timeouts =
      Value::Map({{"create", Text("1s")}, {"delete", Value()}, {"update", Text("70s")}});
  const Value config = Config({{"restart", Text("always")}, {"timeouts", timeouts}});
  const Result updated = Apply(created.state, Plan(created.state, config).state);
  ASSERT_THAT(updated.errors, SizeIs(1));
  EXPECT_THAT(updated.errors[0], HasSubstr("Updated vm ci/build, but it is not ready yet"));
  EXPECT_THAT(updated.errors[0], HasSubstr("1m10s"));
  EXPECT_THAT(updated.errors[0], HasSubstr("1 no free slot; its disk is on mac-01"));
  EXPECT_THAT(updated.errors[0], HasSubstr("timeouts.update"));
  EXPECT_EQ(updated.state.At("restart"), Text("always"));
}

TEST_F(ProviderTest, AVmThatIsNotReadyYetSaysHowFarItsImageIs) {
  engine_.on_watch = [this] {
    Resource pulling = *Stored();
    v1::VmPlacement& placement = *pulling.mutable_vm()->mutable_status()->mutable_placement();
    placement.set_phase(v1::VmPlacement::STARTING);
    placement.set_host("mac-01");
    placement.set_image_digest("sha256:12");
    engine_.objects().Put(pulling);
  };
  v1::GetProgressResponse::HostProgress& host = (*engine_.progress.mutable_hosts())["mac-01"];
  v1::PullProgress& pull = (*host.mutable_pulls())["sha256:12"];
  pull.set_total_bytes(100LL << 30);
  pull.set_done_bytes(41LL << 30);
  const Result created = Apply(Value(), Plan(Value(), Config()).state);
  ASSERT_THAT(created.errors, SizeIs(1));
  EXPECT_THAT(created.errors[0], HasSubstr("mac-01 pulls its image: 41 % of 100G are there."));
}

TEST_F(ProviderTest, WhatIsSwitchedOffIsDoneWhenItHasLeftItsHost) {
  const Result created = Created(Config());
  engine_.on_watch = [this] {
    Resource off = *Stored();
    off.mutable_vm()->mutable_status()->mutable_placement()->clear_host();
    off.mutable_vm()->mutable_status()->mutable_observed()->clear_ip();
    engine_.objects().Put(off);
  };
  const Result updated =
      Apply(created.state, Plan(created.state, Config({{"power", Text("off")}})).state);
  EXPECT_THAT(updated.errors, IsEmpty());
  EXPECT_TRUE(updated.state.At("status").At("host").is_null());
}

TEST_F(ProviderTest, TakesOverWhatAnotherOwnsWhenAsked) {
  const Result created = Created(Config());
  Resource foreign = *Stored();
  foreign.mutable_metadata()->mutable_owner()->set_manager(Owner::CLI);
  foreign.mutable_metadata()->mutable_owner()->clear_instance();
  engine_.objects().Put(foreign);
  EXPECT_THAT(Import("ci/build").errors[0], HasSubstr("transfer = true"));

  ConfigureAtEngine({{"transfer", Value::Bool(true)}});
  const Result imported = Import("ci/build");
  EXPECT_THAT(imported.errors, IsEmpty());
  EXPECT_EQ(imported.state, created.state);
  EXPECT_EQ(Stored()->metadata().owner().manager(), Owner::CLI) << "an import changes nothing";
  const Result read = Read(imported.state, imported.private_data);
  const Result plan = Plan(read.state, Config(), read.private_data);
  EXPECT_TRUE(engine_.applies.back().transfer());
  EXPECT_TRUE(engine_.applies.back().dry_run());
  EXPECT_NE(plan.state, read.state);

  // A refusal leaves everything as it was, the wish included.
  engine_.failures = {absl::PermissionDeniedError("viewer may not write")};
  const Result refused = Apply(read.state, plan.state, plan.private_data);
  EXPECT_EQ(refused.private_data, plan.private_data);
  const Result applied = Apply(read.state, plan.state, plan.private_data);
  EXPECT_THAT(applied.errors, IsEmpty());
  EXPECT_TRUE(engine_.applies.back().transfer());
  EXPECT_EQ(PrivateDataFrom(applied.private_data).takeover, Takeover::kNone);
  EXPECT_EQ(applied.state, created.state);
  EXPECT_EQ(Stored()->metadata().owner().instance(), "prod");
  EXPECT_EQ(Plan(applied.state, Config(), applied.private_data).state, applied.state);
}

TEST_F(ProviderTest, AdoptsWhatNobodyOwns) {
  const Result created = Created(Config());
  Resource orphan = *Stored();
  orphan.mutable_metadata()->clear_owner();
  engine_.objects().Put(orphan);
  const Result imported = Import("ci/build");
  EXPECT_THAT(imported.errors, IsEmpty());
  const Result plan = Plan(imported.state, Config(), imported.private_data);
  const Result applied = Apply(imported.state, plan.state, plan.private_data);
  EXPECT_FALSE(engine_.applies.back().transfer());
  EXPECT_EQ(Stored()->metadata().owner().instance(), "prod");
  EXPECT_EQ(PrivateDataFrom(applied.private_data).takeover, Takeover::kNone);
}

TEST_F(ProviderTest, KeepsThePriorStateWhenAnUpdateIsRefused) {
  const Result created = Created(Config());
  const Value planned = Plan(created.state, Config({{"restart", Text("always")}})).state;
  engine_.failures = {absl::PermissionDeniedError("viewer may not write")};
  const Result updated = Apply(created.state, planned);
  ASSERT_THAT(updated.errors, SizeIs(1));
  EXPECT_EQ(updated.state, created.state);
}

TEST_F(ProviderTest, LeavesTheEnginesOwnNotesToTheEngine) {
  const Result created = Created(Config());
  Resource noted = *Stored();
  (*noted.mutable_metadata()->mutable_annotations())["espalier/created-by"] = "ana";
  (*noted.mutable_metadata()->mutable_annotations())["note"] = "by hand";
  engine_.objects().Put(noted);
  EXPECT_EQ(Read(created.state).state.At("annotations"), Value::Map({{"note", Text("by hand")}}));
}

TEST_F(ProviderTest, ShowsDriftAndForgetsWhatIsGone) {
  const Result created = Created(Config());
  Resource edited = *Stored();
  edited.mutable_vm()->mutable_spec()->set_ttl_seconds(60);
  engine_.objects().Put(edited);
  EXPECT_EQ(Read(created.state).state.At("ttl_seconds"), Whole(60));

  engine_.objects().Remove(ref_);
  const Result gone = Read(created.state);
  EXPECT_TRUE(gone.state.is_null());
  EXPECT_THAT(gone.errors, IsEmpty());
}

TEST_F(ProviderTest, SaysWhatPeopleDidBesideTheConfiguration) {
  const Result created = Created(Config());
  EXPECT_THAT(Read(created.state).warnings, IsEmpty());
  Resource touched = *Stored();
  v1::Metadata& metadata = *touched.mutable_metadata();
  metadata.mutable_edited()->set_actor("ana");
  metadata.mutable_edited()->set_interface("cli");
  metadata.mutable_edited()->set_reason("INC-91");
  v1::Hold& cordon = (*metadata.mutable_holds())["suspend"];
  cordon.set_by("ben");
  cordon.set_why("disk swap");
  // Over, and not taken away yet.
  v1::Hold& over = (*metadata.mutable_holds())["claim"];
  SetTime(clock_.Now() - absl::Hours(1), *over.mutable_until());
  engine_.objects().Put(touched);
  const Result read = Read(created.state);
  EXPECT_THAT(read.warnings,
              ElementsAre(AllOf(HasSubstr("Changed by another hand"),
                                HasSubstr("vm ci/build: by ana (cli): INC-91. An apply takes it")),
                          HasSubstr("A hold stands: vm ci/build: suspend by ben: disk swap")));
  // As long as it is held.
  SetTime(absl::FromUnixSeconds(4102444800), *metadata.mutable_edited()->mutable_hold_until());
  engine_.objects().Put(touched);
  EXPECT_THAT(Read(created.state).warnings[0], HasSubstr("held until 2100-01-01T00:00Z; then"));
  // What another owns is no news about this configuration.
  metadata.mutable_owner()->set_instance("other");
  engine_.objects().Put(touched);
  EXPECT_THAT(Read(created.state).warnings, IsEmpty());
}

TEST_F(ProviderTest, NeverTakesAnErrorForAbsence) {
  const Result created = Created(Config());
  for (const absl::Status& failure :
       {absl::PermissionDeniedError("no"), absl::UnauthenticatedError("no"),
        absl::InternalError("no"), absl::DeadlineExceededError("no")}) {
    engine_.failures = {failure};
    const Result read = Read(created.state, "transfer generation=7");
    EXPECT_THAT(read.errors, SizeIs(1));
    EXPECT_EQ(read.state, created.state);
    EXPECT_EQ(read.private_data, "transfer generation=7");
  }
}

TEST_F(ProviderTest, TakesAnothersObjectOfTheSameNameForGone) {
  const Result created = Created(Config());
  Resource other = *Stored();
  other.mutable_metadata()->set_uid("other");
  other.mutable_metadata()->mutable_owner()->set_manager(Owner::GIT);
  other.mutable_metadata()->mutable_owner()->set_instance("fleet");
  engine_.objects().Put(other);
  const Result read = Read(created.state);
  EXPECT_TRUE(read.state.is_null());
  ASSERT_THAT(read.warnings, SizeIs(1));
  EXPECT_THAT(read.warnings[0], HasSubstr("git fleet"));
}

TEST_F(ProviderTest, DeletesItsIncarnationAndWaitsUntilItIsGone) {
  const Result created = Created(Config());
  engine_.slow_delete = true;
  engine_.on_watch = [this] { engine_.objects().Remove(ref_); };
  const Result deleted = Apply(created.state, Value());
  EXPECT_THAT(deleted.errors, IsEmpty());
  EXPECT_TRUE(deleted.state.is_null());
  EXPECT_EQ(engine_.deletes.back().uid(), created.state.At("uid").text());
}

TEST_F(ProviderTest, KeepsInStateWhatIsNotGoneYet) {
  const Result created = Created(Config());
  engine_.slow_delete = true;
  const Result deleted = Apply(created.state, Value());
  ASSERT_THAT(deleted.errors, SizeIs(1));
  EXPECT_THAT(deleted.errors[0], HasSubstr("10m"));
  EXPECT_EQ(deleted.state, created.state);
}

TEST_F(ProviderTest, DeletesWhatIsGoneAlready) {
  const Result created = Created(Config());
  engine_.objects().Remove(ref_);
  const Result deleted = Apply(created.state, Value());
  EXPECT_THAT(deleted.errors, IsEmpty());
  EXPECT_TRUE(deleted.state.is_null());
}

TEST_F(ProviderTest, ImportsWhatItsInstanceOwns) {
  const Result created = Created(Config());
  const Result imported = Import("ci/build");
  EXPECT_THAT(imported.errors, IsEmpty());
  EXPECT_EQ(imported.state, created.state);
}

TEST_F(ProviderTest, ExplainsImportsThatCannotBe) {
  Created(Config());
  for (const char* id : {"", "a/b/c", "ci/", "Build", "ci/build\n"}) {
    SCOPED_TRACE(id);
    const Result imported = Import(id);
    ASSERT_THAT(imported.errors, SizeIs(1));
    EXPECT_THAT(imported.errors[0], HasSubstr("namespace/name"));
  }
  EXPECT_THAT(Import("ci/other").errors[0], HasSubstr("no such object"));
  Resource other = *Stored();
  other.mutable_metadata()->mutable_owner()->set_manager(Owner::GIT);
  other.mutable_metadata()->mutable_owner()->set_source("fleet.yaml:12");
  engine_.objects().Put(other);
  EXPECT_THAT(Import("ci/build").errors[0], HasSubstr("git prod (fleet.yaml:12)"));
}

TEST_F(ProviderTest, TellsTheIdentityWithEveryAnswerAboutAnObject) {
  const Value identity = Value::Map({{"name", Text("build")}, {"namespace", Text("ci")}});
  EXPECT_EQ(Plan(Value(), Config()).identity, identity);
  EXPECT_EQ(Plan(Value(), Config({{"name", Value::Unknown()}})).identity, Value());
  const Result created = Created(Config());
  EXPECT_EQ(created.identity, identity);
  EXPECT_EQ(Read(created.state).identity, identity);
  EXPECT_EQ(Plan(created.state, Config({{"restart", Text("always")}})).identity, identity);
  EXPECT_EQ(Import("ci/build").identity, identity);
  EXPECT_EQ(Import("", identity).identity, identity);
  EXPECT_EQ(Import("", identity).state, created.state);

  const Result deleted = Apply(created.state, Value());
  EXPECT_TRUE(deleted.identity.is_null());
  EXPECT_TRUE(Read(created.state).identity.is_null());
}

TEST_F(ProviderTest, KeepsTheIdentityWhenACallFails) {
  const Result created = Created(Config());
  tfplugin6::ReadResource::Request request;
  request.set_type_name("espalier_vm");
  request.mutable_current_state()->set_msgpack("\xc1");
  Encode(created.identity, *request.mutable_current_identity()->mutable_identity_data());
  const auto response = Ask<tfplugin6::ReadResource>(request);
  EXPECT_EQ(DecodeIdentity(response.new_identity()), created.identity);
}

TEST_F(ProviderTest, ReadsStoredIdentities) {
  tfplugin6::UpgradeResourceIdentity::Request request;
  request.set_type_name("espalier_vm");
  request.mutable_raw_identity()->set_json("{\"name\": \"build\", \"namespace\": \"ci\"}");
  const auto response = Ask<tfplugin6::UpgradeResourceIdentity>(request);
  EXPECT_EQ(DecodeIdentity(response.upgraded_identity()),
            Value::Map({{"name", Text("build")}, {"namespace", Text("ci")}}));
  request.mutable_raw_identity()->set_json("{\"name\": 1");
  EXPECT_EQ(Ask<tfplugin6::UpgradeResourceIdentity>(request).diagnostics_size(), 1);
}

TEST_F(ProviderTest, NeedsTheEngineOnlyWhenItIsAskedSomething) {
  EXPECT_EQ(Errors(Configure({{"endpoint", Value::Unknown()}, {"instance", Text("prod")}})), "");
  EXPECT_THAT(Plan(Value(), Config()).errors, IsEmpty());
  const Result read = Read(Config());
  ASSERT_THAT(read.errors, SizeIs(1));
  EXPECT_THAT(read.errors[0], HasSubstr("endpoint"));
}

TEST_F(ProviderTest, ReadsNoDataFromANamespaceThatIsNotKnown) {
  ConfigureAtEngine({{"namespace", Value::Unknown()}});
  tfplugin6::ReadDataSource::Request request;
  request.set_type_name("espalier_vm");
  Encode(ObjectOf(schemas_.FindDataSource("espalier_vm")->attributes, {{"name", Text("build")}}),
         *request.mutable_config());
  const auto response = Ask<tfplugin6::ReadDataSource>(request);
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_EQ(response.diagnostics(0).summary(), "Namespace not known yet");
}

TEST_F(ProviderTest, NamesWhatTheProviderBlockLacks) {
  const tfplugin6::ConfigureProvider::Response configured = Configure({});
  ASSERT_THAT(configured.diagnostics(), SizeIs(2));
  EXPECT_THAT(configured.diagnostics(0).detail(), HasSubstr("ESPALIER_ENGINE"));
  EXPECT_THAT(configured.diagnostics(1).detail(), HasSubstr("ESPALIER_INSTANCE"));
}

TEST_F(ProviderTest, GivesEachCallTheTimeThatTheBlockSays) {
  ConfigureAtEngine({{"request_timeout", Text("7s")}});
  const Result created = Created(Config());
  Read(created.state);
  Plan(created.state, Value());
  Apply(created.state, Value());
  tfplugin6::ReadDataSource::Request request;
  request.set_type_name("espalier_vms");
  Encode(ObjectOf(schemas_.FindPluralDataSource("espalier_vms")->attributes, {}),
         *request.mutable_config());
  EXPECT_EQ(Errors(Ask<tfplugin6::ReadDataSource>(request)), "");
  EXPECT_GE(engine_.contexts.size(), 6U);
  for (const CallContext& context : engine_.contexts) {
    EXPECT_EQ(context.timeout, absl::Seconds(7));
  }
}

TEST_F(ProviderTest, TellsAtValidationThatTheTimeoutIsNone) {
  tfplugin6::ValidateProviderConfig::Request request;
  Encode(ObjectOf(schemas_.provider(), {{"request_timeout", Text("soon")}}),
         *request.mutable_config());
  EXPECT_THAT(Errors(Ask<tfplugin6::ValidateProviderConfig>(request)),
              HasSubstr("request_timeout: Invalid request_timeout"));
}

TEST_F(ProviderTest, ReadsStateLeniently) {
  tfplugin6::UpgradeResourceState::Request request;
  request.set_type_name("espalier_vm");
  request.mutable_raw_state()->set_json(
      "{\n  \"name\": \"build\", \"cpu\": 9007199254740993, \"gone\": 1\n}");
  const auto response = Ask<tfplugin6::UpgradeResourceState>(request);
  const Value state = DecodeState(response.upgraded_state());
  EXPECT_EQ(state.At("name"), Text("build"));
  EXPECT_EQ(state.At("cpu"), Value::Of(*Number::Parse("9007199254740993")));
  EXPECT_TRUE(state.At("uid").is_null());
}

TEST_F(ProviderTest, MovesObjectsBetweenAddressesOfThisProviderOnly) {
  const auto move = [&](const char* address, const char* type, int version, const char* json) {
    tfplugin6::MoveResourceState::Request request;
    request.set_source_provider_address(address);
    request.set_source_type_name(type);
    request.set_source_schema_version(version);
    request.mutable_source_state()->set_json(json);
    request.set_source_private("adopt");
    request.set_target_type_name("espalier_vm");
    return Ask<tfplugin6::MoveResourceState>(request);
  };
  constexpr char kMirror[] = "registry.example/fleet/espalier";
  constexpr char kState[] = R"({"name": "build", "namespace": "ci", "uid": "u9", "cpu": 3})";
  const auto moved = move(kMirror, "espalier_vm", 0, kState);
  EXPECT_THAT(moved.diagnostics(), IsEmpty());
  EXPECT_EQ(DecodeState(moved.target_state()).At("cpu"), Whole(3));
  EXPECT_EQ(DecodeIdentity(moved.target_identity()).At("name"), Text("build"));
  EXPECT_EQ(moved.target_private(), "adopt");

  struct Case {
    tfplugin6::MoveResourceState::Response response;
    const char* says;
  };
  const Case cases[] = {
      {move(kMirror, "espalier_image", 0, kState), "A espalier_image of registry.example"},
      {move("registry.terraform.io/orka/orka", "espalier_vm", 0, kState), "`removed` block"},
      {move(kMirror, "espalier_vm", 1, kState), "newer version"},
      {move(kMirror, "espalier_vm", 0, "{}"), "no name"},
      {move(kMirror, "espalier_vm", 0, "[1"), "Cannot read"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.says);
    EXPECT_FALSE(each.response.has_target_state());
    ASSERT_THAT(each.response.diagnostics(), SizeIs(1));
    EXPECT_THAT(each.response.diagnostics(0).summary() + each.response.diagnostics(0).detail(),
                HasSubstr(each.says));
  }
}

TEST_F(ProviderTest, GeneratesAConfigurationThatPlansNothing) {
  const Result created = Created(Config({{"cpu", Whole(4)}, {"restart", Text("on_failure")}}));
  tfplugin6::GenerateResourceConfig::Request request;
  request.set_type_name("espalier_vm");
  Encode(created.state, *request.mutable_state());
  const auto response = Ask<tfplugin6::GenerateResourceConfig>(request);
  const Value config = DecodeState(response.config());
  EXPECT_EQ(config.At("cpu"), Whole(4));
  EXPECT_EQ(config.At("namespace"), Text("ci"));
  for (const char* left_out : {"restart", "memory_mib", "uid", "id", "status", "timeouts"}) {
    EXPECT_TRUE(config.At(left_out).is_null()) << left_out;
  }
  EXPECT_EQ(Plan(created.state, config).state, created.state);
}

TEST_F(ProviderTest, AnswersHostileBytesWithDiagnostics) {
  for (const char* bytes : {"\xc1", "\xdd\xff\xff\xff\xff", "\x81\xa1x\x01", "\x01", "\x90"}) {
    tfplugin6::ReadResource::Request request;
    request.set_type_name("espalier_vm");
    request.mutable_current_state()->set_msgpack(bytes);
    const auto response = Ask<tfplugin6::ReadResource>(request);
    ASSERT_EQ(response.diagnostics_size(), 1);
    EXPECT_EQ(response.new_state().msgpack(), bytes);
  }
}

}  // namespace
}  // namespace espalier::provider
