// What stands against a declaration: policies of objects, suspensions, confirmations, the order of
// sources, and that nothing is left to do once a plan is carried out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/model/access.h"
#include "engine/model/policy.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/plan/drift.h"
#include "engine/plan/plan.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using v1::Action;
using v1::ApplyRequest;
using v1::Owner;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

Owner OwnerOf(Owner::Manager manager, const std::string& instance) {
  Owner owner;
  owner.set_manager(manager);
  owner.set_instance(instance);
  return owner;
}
const Owner kGit = OwnerOf(Owner::GIT, "fleet");
const Owner kTerraform = OwnerOf(Owner::TERRAFORM, "ci");
const Owner kCli = OwnerOf(Owner::CLI, "");

Resource Vm(const std::string& name, std::uint32_t cpu = 4) {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_metadata()->set_namespace_("ci");
  resource.mutable_vm()->mutable_spec()->set_image("r.example/sonoma:1");
  resource.mutable_vm()->mutable_spec()->set_cpu(cpu);
  ApplyDefaults(resource);
  return resource;
}

Resource With(Resource resource, const std::string& policy, const std::string& value) {
  (*resource.mutable_metadata()->mutable_annotations())["espalier/" + policy] = value;
  return resource;
}

Resource Ttl(Resource vm, std::uint32_t seconds) {
  vm.mutable_vm()->mutable_spec()->set_ttl_seconds(seconds);
  return vm;
}

Resource Stored(Resource resource, const Owner& owner = kGit) {
  v1::Metadata& metadata = *resource.mutable_metadata();
  metadata.set_uid("uid-" + metadata.name());
  metadata.set_revision(5);
  metadata.set_generation(1);
  *metadata.mutable_owner() = owner;
  return resource;
}

Resource Held(Resource resource, const std::string& hold, const std::string& why,
              absl::Time until = absl::InfiniteFuture()) {
  v1::Hold& held = (*resource.mutable_metadata()->mutable_holds())[hold];
  held.set_by("ana");
  held.set_why(why);
  if (until != absl::InfiniteFuture()) SetTime(until, *held.mutable_until());
  return resource;
}

Resource Source(const std::string& name, const std::vector<std::string>& after = {}) {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_git_source()->mutable_spec()->set_repository("/srv/fleet.git");
  for (const std::string& other : after) {
    resource.mutable_git_source()->mutable_spec()->add_after(other);
  }
  ApplyDefaults(resource);
  return resource;
}

ObjectsInMap Standing(const std::vector<Resource>& resources) {
  ObjectsInMap objects(7);
  for (const Resource& resource : resources) objects.Put(resource);
  return objects;
}

ApplyRequest Request(const std::vector<Resource>& resources, const Owner& owner = kGit) {
  ApplyRequest request;
  *request.mutable_owner() = owner;
  int line = 1;
  for (const Resource& resource : resources) {
    v1::Declared& declared = *request.add_objects();
    *declared.mutable_resource() = resource;
    declared.set_source("fleet.yaml:" + std::to_string(line++));
  }
  return request;
}

ApplyRequest Pruning(ApplyRequest request) {
  request.mutable_prune()->set_whole_scope_loaded(true);
  return request;
}

PlanOutput Plan(const ObjectsInMap& objects, const ApplyRequest& request) {
  auto output =
      MakePlan(PlanInput{.objects = objects, .request = request, .actor = "ana", .now = kNow});
  EXPECT_TRUE(output.ok()) << output.status();
  return output.ok() ? *std::move(output) : PlanOutput{};
}

std::vector<std::string> Codes(const PlanOutput& output) {
  std::vector<std::string> codes;
  for (const Problem& problem : output.problems.list()) {
    if (problem.code() != "missing_reference") codes.push_back(problem.code());
  }
  return codes;
}

// The only action's verb and reason.
std::string Only(const PlanOutput& output) {
  EXPECT_EQ(output.plan.actions_size(), 1) << output.plan.DebugString();
  if (output.plan.actions_size() != 1) return "";
  const Action& action = output.plan.actions(0);
  return absl::StrCat(Action::Verb_Name(action.verb()), " ", action.reason());
}

// Policies.

TEST(PolicyPlanTest, CreateOnlyIsMadeOnceAndNeverUpdated) {
  const Resource declared = With(Vm("build", 8), "create-only", "true");
  EXPECT_EQ(Only(Plan(Standing({}), Request({declared}))), "CREATE declared");
  const PlanOutput output =
      Plan(Standing({Stored(With(Vm("build", 4), "create-only", "true"))}), Request({declared}));
  EXPECT_THAT(Only(output), HasSubstr("NOOP made once, left as it is"));
  EXPECT_THAT(output.writes, IsEmpty());
}

TEST(PolicyPlanTest, PoliciesThemselvesAreAlwaysApplied) {
  const ObjectsInMap objects = Standing({Stored(With(Vm("build"), "create-only", "true"))});
  const PlanOutput taken_back = Plan(objects, Request({Ttl(Vm("build"), 60)}));
  ASSERT_EQ(taken_back.writes.size(), 1u);
  EXPECT_FALSE(taken_back.writes[0].after->metadata().annotations().contains(kCreateOnlyPolicy));
  EXPECT_EQ(taken_back.writes[0].after->vm().spec().ttl_seconds(), 60u);

  const PlanOutput given =
      Plan(Standing({Stored(Vm("build"))}),
           Request({With(With(Ttl(Vm("build"), 60), "create-only", "true"), "prune", "disabled")}));
  ASSERT_EQ(given.writes.size(), 1u);
  EXPECT_TRUE(given.writes[0].after->metadata().annotations().contains(kPrunePolicy));
  EXPECT_EQ(given.writes[0].after->vm().spec().ttl_seconds(), 0u);
}

TEST(PolicyPlanTest, IgnoredFieldsAreMadeAndThenLeftAlone) {
  const Resource declared = With(Ttl(Vm("build", 8), 60), "ignore", "spec.cpu, spec.ttl_seconds");
  const PlanOutput made = Plan(Standing({}), Request({declared}));
  EXPECT_EQ(made.writes[0].after->vm().spec().cpu(), 8u);
  const PlanOutput left =
      Plan(Standing({Stored(With(Vm("build"), "ignore", "spec.cpu, spec.ttl_seconds"))}),
           Request({declared}));
  EXPECT_EQ(Only(left), "NOOP spec.cpu, spec.ttl_seconds are left alone");
  const PlanOutput rest = Plan(Standing({Stored(Vm("build"))}), Request({declared}));
  EXPECT_EQ(Only(rest), "UPDATE declared differently; spec.cpu, spec.ttl_seconds are left alone");
  EXPECT_EQ(rest.writes[0].after->vm().spec().cpu(), 4u);
}

TEST(PolicyPlanTest, SourcesRulesLeaveFieldsAloneToo) {
  ApplyRequest request = Request({Ttl(Vm("build"), 60), Ttl(Vm("other"), 60)});
  v1::IgnoreRule& rule = (*request.mutable_ignore())["ttl"];
  rule.add_fields("spec.ttl_seconds");
  rule.add_names("ci/build");
  const PlanOutput output = Plan(Standing({Stored(Vm("build")), Stored(Vm("other"))}), request);
  EXPECT_EQ(output.plan.noops(), 1u);
  EXPECT_EQ(output.plan.updates(), 1u);
}

TEST(PolicyPlanTest, WhatIsLeftAloneMustStillFitTheRest) {
  Resource cache;
  cache.mutable_metadata()->set_name("all");
  cache.mutable_image_cache()->mutable_spec()->add_images("r.example/sonoma:1");
  cache.mutable_image_cache()->mutable_spec()->set_all_hosts(true);
  ApplyDefaults(cache);
  Resource wanted = cache;
  wanted.mutable_image_cache()->mutable_spec()->clear_all_hosts();
  wanted.mutable_image_cache()->mutable_spec()->add_hosts("mac-01");
  const PlanOutput output =
      Plan(Standing({Stored(cache)}), Request({With(wanted, "ignore", "spec.all_hosts")}));
  ASSERT_TRUE(output.problems.HasErrors());
  EXPECT_THAT(output.problems.list()[0].message(), HasSubstr("with what is left alone: "));
}

TEST(PolicyPlanTest, RecreateDisabledRefusesWhatWouldReplace) {
  const PlanOutput output = Plan(Standing({Stored(Vm("build", 4))}),
                                 Request({With(Vm("build", 8), "recreate", "disabled")}));
  EXPECT_THAT(Codes(output), ElementsAre("recreate_disabled"));
  EXPECT_EQ(output.problems.list()[0].path(), "spec.cpu");
  EXPECT_EQ(output.problems.list()[0].file(), "fleet.yaml");
  EXPECT_THAT(output.writes, IsEmpty());
}

TEST(PolicyPlanTest, UnmanagedIsReleasedAndAdoptedAgain) {
  const Resource declared = With(Ttl(Vm("build"), 60), "managed", "disabled");
  const PlanOutput released = Plan(Standing({Stored(Vm("build"))}), Pruning(Request({declared})));
  EXPECT_EQ(Only(released), "RELEASE espalier/managed is disabled");
  const Resource free = *released.writes[0].after;
  EXPECT_FALSE(free.metadata().has_owner());
  EXPECT_EQ(free.vm().spec().ttl_seconds(), 0u);
  EXPECT_THAT(Only(Plan(Standing({free}), Pruning(Request({declared})))),
              HasSubstr("NOOP not managed"));
  EXPECT_THAT(Only(Plan(Standing({}), Request({declared}))), HasSubstr("NOOP not managed"));
  EXPECT_THAT(Only(Plan(Standing({Stored(Vm("build"), kTerraform)}), Request({declared}))),
              HasSubstr("NOOP not managed"));
  EXPECT_THAT(Only(Plan(Standing({free}), Request({Vm("build")}))), HasSubstr("ADOPT"));
}

TEST(PolicyPlanTest, EnginesNotesAreNotForOthersToDeclare) {
  const PlanOutput made =
      Plan(Standing({}), Request({With(Vm("build"), "created-by", "mallory")}, kCli));
  EXPECT_FALSE(made.writes[0].after->metadata().annotations().contains(kCreatedByNote));
  const ObjectsInMap objects = Standing({Stored(With(Vm("build"), "created-by", "ana"), kCli)});
  EXPECT_EQ(Only(Plan(objects, Request({Vm("build")}, kCli))), "NOOP as declared");
  EXPECT_EQ(Only(Plan(objects, Request({With(Vm("build"), "created-by", "mallory")}, kCli))),
            "NOOP as declared");
}

TEST(PolicyPlanTest, ForeignHandDoesNotTakePoliciesAway) {
  ApplyRequest request = Request({Ttl(Vm("build"), 60)}, kCli);
  request.mutable_override()->set_reason("INC-91");
  const PlanOutput output =
      Plan(Standing({Stored(With(Vm("build"), "prune", "disabled"))}), request);
  ASSERT_EQ(output.writes.size(), 1u);
  EXPECT_TRUE(output.writes[0].after->metadata().annotations().contains(kPrunePolicy));
  EXPECT_EQ(output.writes[0].after->vm().spec().ttl_seconds(), 60u);
}

TEST(PolicyPlanTest, TerraformIsToldItsOwnWords) {
  for (const auto& [policy, value] : std::vector<std::pair<std::string, std::string>>{
           {"ignore", "spec.cpu"},
           {"create-only", "true"},
           {"managed", "disabled"},
           {"ready-timeout", "30m"}}) {
    EXPECT_THAT(Codes(Plan(Standing({}), Request({With(Vm("build"), policy, value)}, kTerraform))),
                ElementsAre("not_for_terraform"));
  }
  EXPECT_THAT(
      Codes(Plan(Standing({}), Request({With(Vm("build"), "prune", "disabled")}, kTerraform))),
      IsEmpty());
}

// Drift.

v1::DriftReport DriftOf(const Resource& resource, const std::vector<Resource>& declared,
                        const std::vector<Resource>& others = {}) {
  ObjectsInMap objects = Standing(others);
  objects.Put(resource);
  v1::DriftRequest request;
  *request.mutable_owner() = kGit;
  request.set_with_declared(!declared.empty());
  for (const Resource& object : declared) *request.add_declared()->mutable_resource() = object;
  return FindDrift(
      DriftInput{.objects = objects, .request = request, .now = kNow, .tombstones = {}});
}

// `declared` as it stands, with `live` as another hand left it.
Resource Edited(const Resource& declared, Resource live) {
  live = Stored(live);
  v1::Edited& edited = *live.mutable_metadata()->mutable_edited();
  edited.set_actor("ana");
  edited.set_reason("INC-91");
  edited.set_declared_json(DeclaredJson(declared));
  return live;
}

TEST(PolicyDriftTest, C12IgnoreRuleWinsOverCorrection) {
  const Resource declared = With(Vm("build"), "ignore", "spec.ttl_seconds");
  const Resource live = Edited(declared, Ttl(declared, 60));
  EXPECT_EQ(DriftOf(live, {}).rows_size(), 0);
  EXPECT_EQ(DriftOf(live, {declared}).rows_size(), 0);
  const PlanOutput output = Plan(Standing({live}), Request({declared}));
  EXPECT_EQ(Only(output), "UPDATE accepts what ana changed; spec.ttl_seconds is left alone");
  ASSERT_EQ(output.writes.size(), 1u);
  EXPECT_EQ(output.writes[0].after->vm().spec().ttl_seconds(), 60u);
  EXPECT_FALSE(output.writes[0].after->metadata().has_edited());
  // Without the rule it is drift with a name, and is taken back.
  const v1::DriftReport report = DriftOf(live, {Vm("build")});
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).actor(), "ana");
  EXPECT_EQ(
      Plan(Standing({live}), Request({Vm("build")})).writes[0].after->vm().spec().ttl_seconds(),
      0u);
}

TEST(PolicyDriftTest, SourcesRulesAndCreateOnlyAreNoDrift) {
  const Resource live = Edited(Vm("build"), Ttl(Vm("build"), 60));
  EXPECT_EQ(DriftOf(live, {}).rows_size(), 1);
  Resource source = Source("fleet");
  (*source.mutable_git_source()->mutable_spec()->mutable_ignore())["ttl"].add_fields(
      "spec.ttl_seconds");
  EXPECT_EQ(DriftOf(live, {}, {source}).rows_size(), 0);
  const Resource once = With(Vm("build"), "create-only", "true");
  EXPECT_EQ(DriftOf(Edited(once, Ttl(once, 60)), {once}).rows_size(), 0);
}

TEST(PolicyDriftTest, UnmanagedIsNeitherMissingNorAConflict) {
  const Resource declared = With(Vm("build"), "managed", "disabled");
  EXPECT_EQ(DriftOf(Stored(Vm("build"), kTerraform), {declared}).rows_size(), 0);
  EXPECT_EQ(DriftOf(Stored(Vm("other")), {Vm("other"), declared}).rows_size(), 0);
}

// Suspension.

TEST(SuspendTest, C10SuspendedObjectIsListedAsSkippedWithItsReason) {
  const absl::Time until = kNow + absl::Hours(4);
  const ObjectsInMap objects =
      Standing({Held(Stored(Vm("build")), "suspend", "INC-91", until), Stored(Vm("other"))});
  const PlanOutput output =
      Plan(objects, Pruning(Request({Ttl(Vm("build"), 60), Ttl(Vm("other"), 60)})));
  ASSERT_EQ(output.plan.actions_size(), 2);
  const Action& action = output.plan.actions(0);
  EXPECT_EQ(action.verb(), Action::NOOP);
  EXPECT_THAT(action.reason(), ::testing::AllOf(HasSubstr("suspended by ana until 2027-01-15T"),
                                                HasSubstr("INC-91")));
  EXPECT_THAT(std::vector<std::string>(action.holds().begin(), action.holds().end()),
              ElementsAre("suspend by ana: INC-91"));
  EXPECT_THAT(Codes(output), ElementsAre("suspended"));
  ASSERT_EQ(output.writes.size(), 1u);
  EXPECT_EQ(output.writes[0].ref.name, "other");
}

TEST(SuspendTest, NothingIsWrittenPrunedReleasedOrDeleted) {
  const ObjectsInMap objects =
      Standing({Held(Stored(Vm("build")), "suspend", "INC-91"), Stored(Vm("other"))});
  const PlanOutput pruned = Plan(objects, Pruning(Request({Vm("other")})));
  EXPECT_THAT(pruned.writes, IsEmpty());
  EXPECT_THAT(pruned.plan.actions(1).reason(),
              HasSubstr("not declared any more; kept: suspended by ana: INC-91"));
  ApplyRequest release = Request({});
  *release.add_release() = ToProto(Ref{Kind::kVm, "ci", "build"});
  EXPECT_THAT(Plan(objects, release).writes, IsEmpty());
  v1::DeleteRequest by_name;
  *by_name.mutable_ref() = ToProto(Ref{Kind::kVm, "ci", "build"});
  *by_name.mutable_owner() = kGit;
  EXPECT_THAT(Codes(*MakeDeletePlan(objects, by_name, "ana", kNow)), ElementsAre("suspended"));
  by_name.mutable_override()->set_reason("it is mine");
  EXPECT_EQ(MakeDeletePlan(objects, by_name, "ana", kNow)->writes.size(), 1u);
}

TEST(SuspendTest, EndsWithItsTimeAndBindsTerraformByAnError) {
  const ApplyRequest request = Request({Ttl(Vm("build"), 60)});
  EXPECT_EQ(
      Plan(Standing({Held(Stored(Vm("build")), "suspend", "x", kNow)}), request).plan.updates(),
      1u);
  EXPECT_THAT(Codes(Plan(Standing({Held(Stored(Vm("build"), kTerraform), "suspend", "x")}),
                         Request({Ttl(Vm("build"), 60)}, kTerraform))),
              ElementsAre("suspended"));
}

// The word that ends a suspension is said for the source that it suspends.
TEST(SuspendTest, ASuspendedSourceIsResumedInItsOwnName) {
  const ObjectsInMap objects = Standing({Held(Stored(Source("fleet"), kCli), "suspend", "swap")});
  ApplyRequest request;
  *request.mutable_owner() = kGit;
  v1::HoldChange& change = *request.add_holds();
  change.mutable_ref()->set_kind("git_source");
  change.mutable_ref()->set_name("fleet");
  change.set_hold("suspend");
  change.set_clear(true);
  PlanOutput output = Plan(objects, request);
  EXPECT_THAT(Codes(output), IsEmpty());
  ASSERT_EQ(output.writes.size(), 1U);
  EXPECT_TRUE(output.writes[0].after->metadata().holds().empty());
  // Nothing else comes along.
  *request.add_objects() = Request({Vm("build")}).objects(0);
  EXPECT_THAT(Codes(Plan(objects, request)), ElementsAre("suspended"));
}

TEST(SuspendTest, NothingOfASuspendedSourceIsApplied) {
  Resource cluster;
  cluster.mutable_metadata()->set_name("default");
  cluster.mutable_cluster();
  for (const std::vector<Resource>& objects :
       std::vector<std::vector<Resource>>{{Held(Source("fleet"), "suspend", "INC-91")},
                                          {Source("fleet"), Held(cluster, "suspend", "INC-91")}}) {
    ApplyRequest request = Request({Vm("build")});
    EXPECT_TRUE(Plan(Standing(objects), request).problems.HasErrors());
    request.set_dry_run(true);
    const PlanOutput preview = Plan(Standing(objects), request);
    EXPECT_FALSE(preview.problems.HasErrors());
    EXPECT_EQ(preview.plan.creates(), 1u);
    ASSERT_THAT(Codes(preview), ElementsAre("suspended"));
    EXPECT_THAT(preview.problems.list()[0].message(), HasSubstr("suspended by ana: INC-91"));
    EXPECT_FALSE(Plan(Standing(objects), Request({Vm("build")}, kCli)).problems.HasErrors());
  }
}

TEST(HoldTest, WantsAReasonToSuspendAndADigestOrCommitToConfirm) {
  struct Row {
    const char* hold;
    std::string why;
    bool taken;
  };
  for (const Row& row :
       {Row{"suspend", "", false}, Row{"suspend", "INC-91", true}, Row{"confirm", "yes", false},
        Row{"confirm", std::string(64, 'a'), true}, Row{"confirm", std::string(40, '0'), true},
        Row{"confirm", std::string(64, 'g'), false}}) {
    ApplyRequest request = Request({}, kCli);
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(Ref{Kind::kGitSource, "", "fleet"});
    change.set_hold(row.hold);
    change.set_why(row.why);
    EXPECT_EQ(Plan(Standing({Source("fleet")}), request).problems.HasErrors(), !row.taken)
        << row.hold << " " << row.why;
  }
}

// Prune.

TEST(PrunePolicyTest, ProtectedStaysOwnedAndListed) {
  const PlanOutput output =
      Plan(Standing({Stored(With(Vm("build"), "prune", "disabled")), Stored(Vm("other"))}),
           Pruning(Request({Vm("other")})));
  EXPECT_THAT(output.writes, IsEmpty());
  ASSERT_EQ(output.plan.actions_size(), 2);
  EXPECT_EQ(output.plan.actions(1).reason(),
            "not declared any more; kept: espalier/prune is disabled");
  EXPECT_EQ(output.plan.actions(1).holds(0), "espalier/prune is disabled");
}

TEST(PrunePolicyTest, ProtectedVmKeepsItsNamespace) {
  Resource space;
  space.mutable_metadata()->set_name("ci");
  space.mutable_namespace_();
  const PlanOutput output =
      Plan(Standing({Stored(space), Stored(With(Vm("build"), "prune", "disabled")),
                     Stored(Vm("other"))}),
           Pruning(Request({Vm("other")})));
  EXPECT_THAT(output.writes, IsEmpty());
  EXPECT_THAT(Codes(output), ElementsAre("not_pruned"));
}

TEST(PrunePolicyTest, C1EmptySetPrunesNothing) {
  const std::vector<Resource> owned = {Stored(Vm("build")), Stored(Vm("other"))};
  std::vector<Resource> with_source = owned;
  with_source.push_back(Source("fleet"));
  const PlanOutput output = Plan(Standing(with_source), Pruning(Request({})));
  EXPECT_THAT(Codes(output), ElementsAre("empty_set"));
  EXPECT_EQ(output.plan.deletes(), 0u);
  // A source that was deleted has said what becomes of its objects.
  ApplyRequest farewell = Pruning(Request({}));
  farewell.mutable_prune()->set_percent(100);
  EXPECT_EQ(Plan(Standing(owned), farewell).plan.deletes(), 2u);
}

TEST(PrunePolicyTest, C9SilentHostsVmIsNeverPruned) {
  Resource vm = Stored(Vm("build"));
  v1::VmPlacement& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_phase(v1::VmPlacement::UNKNOWN);
  placement.set_host("mac-01");
  const PlanOutput output =
      Plan(Standing({vm, Stored(Vm("other"))}), Pruning(Request({Vm("other")})));
  EXPECT_THAT(output.writes, IsEmpty());
  EXPECT_THAT(output.plan.actions(1).reason(), HasSubstr("host mac-01 is silent"));
}

// Six of ten objects are gone, which the budget refuses.
std::vector<Resource> Ten() {
  std::vector<Resource> objects;
  objects.reserve(10);
  for (int i = 0; i < 10; ++i) objects.push_back(Stored(Vm("vm-" + std::to_string(i))));
  return objects;
}
std::vector<Resource> FourOf(const std::vector<Resource>& ten) {
  return {ten[0], ten[1], ten[2], ten[3]};
}

TEST(ConfirmTest, AllowsThePlanThatItNamesOnce) {
  std::vector<Resource> objects = Ten();
  const ApplyRequest request = Pruning(Request(FourOf(objects)));
  objects.push_back(Source("fleet"));
  const PlanOutput refused = Plan(Standing(objects), request);
  ASSERT_THAT(Codes(refused), ElementsAre("budget_exceeded"));
  const std::string digest = refused.plan.digest();
  EXPECT_THAT(refused.problems.list().back().message(),
              HasSubstr("espalier confirm git_source/fleet " + digest));
  objects.back() = Held(objects.back(), "confirm", digest);
  const PlanOutput allowed = Plan(Standing(objects), request);
  EXPECT_THAT(Codes(allowed), IsEmpty());
  EXPECT_EQ(allowed.plan.digest(), digest);
  // It is used up in the same write.
  ASSERT_EQ(allowed.writes.size(), 7u);
  EXPECT_EQ(allowed.writes.back().ref.name, "fleet");
  EXPECT_FALSE(allowed.writes.back().after->metadata().holds().contains("confirm"));
  ApplyRequest preview = request;
  preview.set_dry_run(true);
  EXPECT_EQ(Plan(Standing(objects), preview).writes.size(), 6u) << "a look uses nothing up";
}

TEST(ConfirmTest, C3ConfirmationOfAnotherDigestDoesNothing) {
  std::vector<Resource> objects = Ten();
  ApplyRequest request = Pruning(Request(FourOf(objects)));
  objects.push_back(Source("fleet"));
  const std::string digest = Plan(Standing(objects), request).plan.digest();
  objects.back() = Held(objects.back(), "confirm", digest);
  // Somebody pushes one more deletion.
  request.mutable_objects()->RemoveLast();
  const PlanOutput output = Plan(Standing(objects), request);
  EXPECT_THAT(Codes(output), ElementsAre("budget_exceeded"));
  EXPECT_THAT(output.writes, IsEmpty());
  // And what is confirmed for one source is nothing for another.
  *request.mutable_owner() = OwnerOf(Owner::GIT, "other");
  EXPECT_THAT(Plan(Standing(objects), request).problems.HasErrors(), true);
}

TEST(ConfirmTest, ReplacingCountsWithoutPruningToo) {
  std::vector<Resource> objects = Ten();
  std::vector<Resource> bigger;
  bigger.reserve(4);
  for (int i = 0; i < 4; ++i) bigger.push_back(Vm("vm-" + std::to_string(i), 8));
  objects.push_back(Source("fleet"));
  EXPECT_THAT(Codes(Plan(Standing(objects), Request(bigger))), ElementsAre("budget_exceeded"));
  objects.back().mutable_git_source()->mutable_spec()->mutable_destruction_budget()->set_objects(4);
  EXPECT_THAT(Codes(Plan(Standing(objects), Request(bigger))), IsEmpty());
}

// A VM with a running job is a unit of its own, alone or as a member of a pool that goes.
TEST(ConfirmTest, DestroyingWhatIsClaimedNeedsABudgetOfItsOwn) {
  Resource claimed = Stored(Held(Vm("build"), "claim", "job 4711"));
  Resource source = Source("fleet");
  const PlanOutput refused =
      Plan(Standing({claimed, Stored(Vm("other")), source}), Request({Vm("build", 8)}));
  ASSERT_THAT(Codes(refused), ElementsAre("budget_exceeded"));
  EXPECT_THAT(refused.problems.list().back().message(),
              AllOf(HasSubstr("of which the budget allows 0: "), HasSubstr("build (claimed by"),
                    HasSubstr("job 4711")));
  source.mutable_git_source()->mutable_spec()->mutable_destruction_budget()->set_claimed(1);
  EXPECT_THAT(
      Codes(Plan(Standing({claimed, Stored(Vm("other")), source}), Request({Vm("build", 8)}))),
      IsEmpty());
  // A claim whose time is over is none.
  source = Source("fleet");
  (*claimed.mutable_metadata()->mutable_holds())["claim"].mutable_until()->set_seconds(1);
  EXPECT_THAT(
      Codes(Plan(Standing({claimed, Stored(Vm("other")), source}), Request({Vm("build", 8)}))),
      IsEmpty());

  Resource pool;
  pool.mutable_metadata()->set_name("ci");
  pool.mutable_metadata()->set_namespace_("default");
  pool.mutable_vm_pool()->mutable_spec()->set_replicas(1);
  ObjectsInMap objects = Standing({Stored(pool), Source("fleet")});
  Resource member = Held(Vm("ci-abcde"), "claim", "job 4712");
  Owner owner;
  owner.set_manager(Owner::CONTROLLER);
  owner.set_instance("vm_pool/default/ci");
  *member.mutable_metadata()->mutable_owner() = owner;
  objects.Put(member);
  EXPECT_THAT(Codes(Plan(objects, Pruning(Request({Stored(Vm("other"))})))),
              Contains("budget_exceeded"));
}

TEST(ConfirmTest, OfACommitIsUsedUpWithIt) {
  const std::string commit(40, 'c');
  ApplyRequest request = Request({Vm("build")});
  request.mutable_owner()->set_commit(commit);
  const ObjectsInMap objects = Standing({Held(Source("fleet"), "confirm", commit)});
  EXPECT_EQ(Plan(objects, request).writes.size(), 2u);
  request.mutable_owner()->set_commit(std::string(40, 'd'));
  EXPECT_EQ(Plan(objects, request).writes.size(), 1u);
}

// Order of sources.

TEST(SourceOrderTest, C11CircleIsRefused) {
  const PlanOutput standing =
      Plan(Standing({Source("b", {"c"}), Source("c", {"a"})}), Request({Source("a", {"b"})}, kCli));
  ASSERT_THAT(Codes(standing), ElementsAre("reference_cycle"));
  EXPECT_EQ(standing.problems.list()[0].message(), "it would wait for itself: a -> b -> c -> a");
  EXPECT_EQ(standing.problems.list()[0].path(), "spec.after[0]");
  const PlanOutput together =
      Plan(Standing({}), Request({Source("a", {"b"}), Source("b", {"a"})}, kCli));
  EXPECT_THAT(Codes(together), ElementsAre("reference_cycle"));
  // What a circle had is mended by the same set.
  EXPECT_THAT(
      Codes(Plan(Standing({Source("b", {"a"})}), Request({Source("a", {"b"}), Source("b")}, kCli))),
      IsEmpty());
}

TEST(SourceOrderTest, UnknownNameIsAnErrorAtApplyAndANoteBefore) {
  ApplyRequest request = Request({Source("a", {"platfrom"})}, kCli);
  const ObjectsInMap objects = Standing({Source("platform")});
  const PlanOutput output = Plan(objects, request);
  ASSERT_THAT(Codes(output), ElementsAre("unknown_source"));
  EXPECT_THAT(output.problems.list()[0].message(), HasSubstr("did you mean platform?"));
  request.set_dry_run(true);
  const PlanOutput preview = Plan(objects, request);
  EXPECT_FALSE(preview.problems.HasErrors());
  EXPECT_FALSE(preview.problems.empty());
}

// A plan carried out leaves nothing to do, whatever policies and holds there are.

class RandomFleet {
 public:
  explicit RandomFleet(std::uint64_t seed) : random_(seed) {}

  Resource Object(const std::string& name) {
    Resource vm = Vm(name, static_cast<std::uint32_t>(1 + random_.Below(3)));
    if (random_.Chance(0.5)) vm = Ttl(vm, static_cast<std::uint32_t>(random_.Below(3)));
    if (random_.Chance(0.3)) (*vm.mutable_metadata()->mutable_labels())["team"] = Word();
    if (random_.Chance(0.5)) {
      v1::VmPort& port = (*vm.mutable_vm()->mutable_spec()->mutable_ports())["http"];
      port.set_guest(static_cast<std::uint32_t>(80 + random_.Below(2)));
    }
    for (const auto& [policy, value] : std::vector<std::pair<const char*, const char*>>{
             {"prune", "disabled"},
             {"managed", "disabled"},
             {"create-only", "true"},
             {"ignore", "spec.ports[*].guest, metadata.labels[team], spec.ttl_seconds"},
             {"drift", "report"}}) {
      if (random_.Chance(0.2)) vm = With(vm, policy, value);
    }
    return vm;
  }

  Resource Live(const std::string& name) {
    Resource vm = Object(name);
    switch (random_.Below(4)) {
      case 0:
        vm = Edited(Object(name), vm);
        break;
      case 1:
        vm = Stored(vm, Owner());
        vm.mutable_metadata()->clear_owner();
        break;
      default:
        vm = Stored(vm);
    }
    return random_.Chance(0.15) ? Held(vm, "suspend", "INC-91") : vm;
  }

  bool Chance(double p) { return random_.Chance(p); }

 private:
  std::string Word() { return random_.Chance(0.5) ? "red" : "blue"; }

  Random random_;
};

TEST(PolicyPlanTest, PlanOfAnAppliedPlanIsEmptyUnderAllPolicies) {
  int written = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    RandomFleet fleet(seed);
    ObjectsInMap objects(7);
    std::vector<Resource> declared;
    for (int i = 0; i < 8; ++i) {
      const std::string name = "vm-" + std::to_string(i);
      if (fleet.Chance(0.7)) objects.Put(fleet.Live(name));
      if (fleet.Chance(0.7)) declared.push_back(fleet.Object(name));
    }
    ApplyRequest request = Pruning(Request(declared));
    request.mutable_prune()->set_objects(1000);
    if (fleet.Chance(0.3)) {
      v1::IgnoreRule& rule = (*request.mutable_ignore())["cpu"];
      rule.add_fields("spec.cpu");
      rule.add_names("ci/vm-*");
    }
    const PlanOutput first = Plan(objects, request);
    ASSERT_FALSE(first.problems.HasErrors()) << ToStatus(first.problems);
    written += static_cast<int>(first.writes.size());
    ObjectsInMap after(8);
    objects.ForEach([&](const Resource& resource) { after.Put(resource); });
    for (const PlannedWrite& write : first.writes) {
      ASSERT_TRUE(write.after.has_value()) << "a Vm waits for its controller";
      after.Put(*write.after);
    }
    const PlanOutput second = Plan(after, request);
    EXPECT_THAT(second.writes, IsEmpty()) << second.plan.DebugString();
    v1::DriftRequest drift;
    *drift.mutable_owner() = kGit;
    drift.set_with_declared(true);
    *drift.mutable_declared() = request.objects();
    *drift.mutable_ignore() = request.ignore();
    const v1::DriftReport report =
        FindDrift(DriftInput{.objects = after, .request = drift, .now = kNow, .tombstones = {}});
    for (const v1::DriftRow& row : report.rows()) {
      const Resource* object = after.Find(*FromProto(row.ref()));
      ASSERT_NE(object, nullptr) << row.DebugString();
      const bool is_declared =
          std::any_of(declared.begin(), declared.end(),
                      [&](const Resource& one) { return RefOf(one) == RefOf(*object); });
      EXPECT_TRUE(!is_declared || object->metadata().holds().contains("suspend"))
          << row.DebugString();
    }
  }
  EXPECT_GT(written, 400);
}

}  // namespace
}  // namespace espalier
