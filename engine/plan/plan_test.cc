#include "engine/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/model/access.h"
#include "engine/model/codec.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
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
  resource.mutable_vm()->mutable_spec()->set_image("sonoma");
  resource.mutable_vm()->mutable_spec()->set_cpu(cpu);
  ApplyDefaults(resource);
  return resource;
}

Resource Image(const std::string& name) {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_image()->mutable_spec()->set_reference("registry.example/" + name + ":1");
  return resource;
}

Resource Stored(Resource resource, const Owner& owner, std::int64_t revision = 5) {
  v1::Metadata& metadata = *resource.mutable_metadata();
  metadata.set_uid("uid-" + metadata.name());
  metadata.set_revision(revision);
  metadata.set_generation(1);
  if (owner.manager() != Owner::MANAGER_UNSPECIFIED) *metadata.mutable_owner() = owner;
  return resource;
}

v1::Declared& Declare(ApplyRequest& request, const Resource& resource) {
  v1::Declared& declared = *request.add_objects();
  *declared.mutable_resource() = resource;
  declared.set_source("fleet.yaml:12");
  return declared;
}

PlanOutput Plan(const Objects& objects, const ApplyRequest& request, std::int64_t lately = 0) {
  auto output = MakePlan(PlanInput{.objects = objects,
                                   .request = request,
                                   .actor = "ana",
                                   .now = kNow,
                                   .destroyed_lately = lately});
  EXPECT_TRUE(output.ok()) << output.status();
  return output.ok() ? *std::move(output) : PlanOutput{};
}

ApplyRequest RequestOf(const Owner& owner) {
  ApplyRequest request;
  *request.mutable_owner() = owner;
  return request;
}

std::vector<std::string> Codes(const PlanOutput& output) {
  std::vector<std::string> codes;
  for (const Problem& problem : output.problems.list()) codes.push_back(problem.code());
  return codes;
}

TEST(PlanTest, CreatesWhatIsReferredToFirst) {
  ObjectsInMap objects;
  ApplyRequest request = RequestOf(kGit);
  Declare(request, Vm("build"));
  Declare(request, Image("sonoma"));
  const PlanOutput output = Plan(objects, request);
  ASSERT_EQ(output.plan.actions_size(), 2);
  EXPECT_EQ(output.plan.actions(0).ref().kind(), "image");
  EXPECT_EQ(output.plan.actions(1).ref().name(), "build");
  EXPECT_EQ(output.plan.creates(), 2u);
  EXPECT_EQ(output.writes.size(), 2u);
  EXPECT_EQ(output.writes[1].base_revision, 0);
}

TEST(PlanTest, MissingReferenceIsANoteAndNeverARefusal) {
  ObjectsInMap objects;
  objects.Put(Stored(Image("other"), kGit));
  ApplyRequest request = RequestOf(kGit);
  Declare(request, Vm("build"));
  const PlanOutput output = Plan(objects, request);
  EXPECT_FALSE(output.problems.HasErrors());
  ASSERT_FALSE(output.problems.empty());
  EXPECT_EQ(output.problems.list().back().code(), "missing_reference");
  EXPECT_EQ(output.problems.list().back().file(), "fleet.yaml");
  EXPECT_EQ(output.problems.list().back().line(), 12);
}

TEST(PlanTest, SameSpecIsNoopAndWritesNothing) {
  ObjectsInMap objects;
  objects.Put(Stored(Vm("build"), kGit));
  ApplyRequest request = RequestOf(kGit);
  Declare(request, Vm("build"));
  const PlanOutput output = Plan(objects, request);
  EXPECT_EQ(output.plan.noops(), 1u);
  EXPECT_TRUE(output.writes.empty());
}

TEST(PlanTest, ReplacesVmWhenMemoryChangesAndKeepsTheOldRunRetiring) {
  ObjectsInMap objects;
  Resource old = Stored(Vm("build"), kGit);
  v1::VmPlacement& placement = *old.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_host("mac-01");
  placement.set_attempt(3);
  placement.set_image_os("darwin");
  objects.Put(old);
  ApplyRequest request = RequestOf(kGit);
  Resource wanted = Vm("build");
  wanted.mutable_vm()->mutable_spec()->set_memory_mib(8192);
  Declare(request, wanted);
  const PlanOutput output = Plan(objects, request);
  ASSERT_EQ(output.plan.replaces(), 1u);
  EXPECT_THAT(output.plan.actions(0).reason(), HasSubstr("spec.memory_mib is immutable"));
  EXPECT_EQ(output.plan.actions(0).risk(), Action::DESTRUCTIVE);
  ASSERT_EQ(output.writes.size(), 1u);
  EXPECT_TRUE(output.writes[0].new_incarnation);
  EXPECT_EQ(output.writes[0].base_revision, 5);
  const v1::VmStatus& status = output.writes[0].after->vm().status();
  ASSERT_EQ(status.placement().retiring_size(), 1);
  EXPECT_EQ(status.placement().retiring(0).uid(), "uid-build");
  EXPECT_EQ(status.placement().retiring(0).attempt(), 3);
  EXPECT_TRUE(status.placement().retiring(0).macos());
  EXPECT_TRUE(status.placement().host().empty());
}

TEST(PlanTest, C7ForeignOwnerIsAConflictThatNamesBoth) {
  ObjectsInMap objects;
  Owner owner = kGit;
  owner.set_source("team/ci.yaml:7");
  objects.Put(Stored(Vm("build"), owner));
  ApplyRequest request = RequestOf(kTerraform);
  Declare(request, Vm("build", 8)).set_source("espalier_vm.build");
  const PlanOutput output = Plan(objects, request);
  ASSERT_TRUE(output.problems.HasErrors());
  const Problem& problem = output.problems.list().front();
  EXPECT_EQ(problem.code(), "owner_conflict");
  EXPECT_THAT(problem.message(), HasSubstr("git fleet (team/ci.yaml:7)"));
  EXPECT_THAT(problem.message(), HasSubstr("terraform ci (espalier_vm.build)"));
  EXPECT_TRUE(output.writes.empty());
}

TEST(PlanTest, OverrideChangesTheSpecKeepsTheOwnerAndTheDeclaration) {
  ObjectsInMap objects;
  objects.Put(Stored(Vm("build", 4), kGit));
  ApplyRequest request = RequestOf(kCli);
  Resource wanted = Vm("build", 4);
  wanted.mutable_vm()->mutable_spec()->set_ttl_seconds(60);
  Declare(request, wanted);
  request.mutable_override()->set_reason("INC-91");
  request.mutable_override()->set_hold_seconds(3600);
  const PlanOutput output = Plan(objects, request);
  ASSERT_FALSE(output.problems.HasErrors());
  ASSERT_EQ(output.writes.size(), 1u);
  const v1::Metadata& metadata = output.writes[0].after->metadata();
  EXPECT_EQ(metadata.owner().manager(), Owner::GIT);
  EXPECT_EQ(metadata.edited().actor(), "ana");
  EXPECT_EQ(metadata.edited().interface(), "cli");
  EXPECT_EQ(TimeOf(metadata.edited().hold_until()), kNow + absl::Hours(1));
  EXPECT_THAT(metadata.edited().declared_json(), HasSubstr("\"ttl_seconds\":0"));
}

TEST(PlanTest, OwnersDeclarationWaitsForTheHoldAndThenTakesItBack) {
  Resource held = Stored(Vm("build"), kGit);
  held.mutable_vm()->mutable_spec()->set_ttl_seconds(60);
  v1::Edited& edited = *held.mutable_metadata()->mutable_edited();
  edited.set_actor("ana");
  edited.set_reason("INC-91");
  edited.set_declared_json(DeclaredJson(Vm("build")));
  SetTime(kNow + absl::Hours(1), *edited.mutable_hold_until());
  ApplyRequest request = RequestOf(kGit);
  Declare(request, Vm("build"));
  {
    ObjectsInMap objects;
    objects.Put(held);
    const PlanOutput output = Plan(objects, request);
    EXPECT_EQ(output.plan.noops(), 1u);
    EXPECT_THAT(output.plan.actions(0).reason(), HasSubstr("held until"));
    EXPECT_TRUE(output.writes.empty());
  }
  SetTime(kNow - absl::Seconds(1), *edited.mutable_hold_until());
  ObjectsInMap objects;
  objects.Put(held);
  const PlanOutput output = Plan(objects, request);
  ASSERT_EQ(output.plan.updates(), 1u);
  EXPECT_THAT(output.plan.actions(0).reason(), HasSubstr("takes back what ana changed"));
  EXPECT_FALSE(output.writes[0].after->metadata().has_edited());
}

TEST(PlanTest, MembersOfAPoolAreNotEditedEvenWithAnOverride) {
  ObjectsInMap objects;
  objects.Put(Stored(Vm("pool-x"), OwnerOf(Owner::CONTROLLER, "vm_pool/ci/pool")));
  ApplyRequest request = RequestOf(kCli);
  Declare(request, Vm("pool-x", 8));
  request.mutable_override()->set_reason("because");
  const PlanOutput output = Plan(objects, request);
  EXPECT_THAT(Codes(output),
              ElementsAre("controller_owned", "missing_reference", "missing_reference"));
}

TEST(PlanTest, WhatNobodyOwnsIsAdopted) {
  ObjectsInMap objects;
  Resource host;
  SetKind(host, Kind::kHost);
  host.mutable_metadata()->set_name("mac-01");
  objects.Put(Stored(host, Owner()));
  ApplyRequest request = RequestOf(kTerraform);
  Declare(request, host).set_create_only(true);
  const PlanOutput output = Plan(objects, request);
  EXPECT_EQ(output.plan.adopts(), 1u);
  EXPECT_EQ(output.writes[0].after->metadata().owner().instance(), "ci");
}

TEST(PlanTest, CreatingWhatOneOwnsSaysHowToImportIt) {
  ObjectsInMap objects;
  objects.Put(Stored(Vm("build"), kTerraform));
  ApplyRequest request = RequestOf(kTerraform);
  Declare(request, Vm("build")).set_create_only(true);
  const PlanOutput output = Plan(objects, request);
  ASSERT_TRUE(output.problems.HasErrors());
  EXPECT_EQ(output.problems.list()[0].code(), "already_exists");
  EXPECT_THAT(output.problems.list()[0].message(), HasSubstr("import it as ci/build"));
}

TEST(PlanTest, WhatIsNotAsItWasReadIsAborted) {
  ObjectsInMap objects;
  objects.Put(Stored(Vm("build"), kCli));
  objects.Put(Stored(Vm("other"), kGit));
  const auto planned = [&](const std::function<void(v1::Declared&, ApplyRequest&)>& read) {
    ApplyRequest request = RequestOf(kCli);
    read(Declare(request, Vm("build", 8)), request);
    return MakePlan(PlanInput{.objects = objects, .request = request, .actor = "ana", .now = kNow})
        .status();
  };
  const auto premise = [](const std::string& name, std::int64_t revision) {
    return [=](v1::Declared&, ApplyRequest& request) {
      v1::Premise& premise = *request.add_premises();
      *premise.mutable_ref() = ToProto(RefOf(Vm(name)));
      premise.set_revision(revision);
    };
  };
  const std::function<void(v1::Declared&, ApplyRequest&)> held[] = {
      [](v1::Declared& declared, ApplyRequest&) { declared.set_uid("uid-build"); },
      [](v1::Declared& declared, ApplyRequest&) { declared.set_revision(5); },
      [](v1::Declared& declared, ApplyRequest&) { declared.set_generation(1); },
      premise("build", 5),
      premise("other", 5),
      premise("nothing", 0)};
  for (const auto& read : held) EXPECT_TRUE(planned(read).ok()) << planned(read);
  const std::function<void(v1::Declared&, ApplyRequest&)> stale[] = {
      [](v1::Declared& declared, ApplyRequest&) { declared.set_uid("another"); },
      [](v1::Declared& declared, ApplyRequest&) { declared.set_revision(4); },
      [](v1::Declared& declared, ApplyRequest&) { declared.set_generation(2); },
      premise("build", 4),
      premise("other", 0),
      premise("nothing", 5)};
  for (const auto& read : stale) EXPECT_TRUE(absl::IsAborted(planned(read))) << planned(read);
}

// Ten objects of one owner of which `gone` are no longer declared.
PlanOutput PlanPruneOf(int gone, const v1::Prune& prune, std::int64_t lately = 0) {
  ObjectsInMap objects;
  ApplyRequest request = RequestOf(kGit);
  *request.mutable_prune() = prune;
  for (int i = 0; i < 10; ++i) {
    const Resource image = Image("image-" + std::to_string(i));
    objects.Put(Stored(image, kGit));
    if (i >= gone) Declare(request, image);
  }
  return Plan(objects, request, lately);
}

TEST(PruneTest, C2MassDeletionStopsAtTheBudget) {
  v1::Prune prune;
  prune.set_whole_scope_loaded(true);
  EXPECT_EQ(PlanPruneOf(3, prune).plan.deletes(), 3u);
  EXPECT_THAT(Codes(PlanPruneOf(4, prune)), ElementsAre("budget_exceeded"));
  EXPECT_THAT(Codes(PlanPruneOf(6, prune)), ElementsAre("budget_exceeded"));
  EXPECT_THAT(Codes(PlanPruneOf(2, prune, /*lately=*/2)), ElementsAre("budget_exceeded"));
  prune.set_percent(100);
  EXPECT_EQ(PlanPruneOf(10, prune).plan.deletes(), 10u);
}

TEST(PruneTest, C1NeedsTheWholeScope) {
  v1::Prune prune;
  EXPECT_THAT(Codes(PlanPruneOf(1, prune)), ElementsAre("incomplete_scope"));
}

TEST(PruneTest, NamespaceGoesWithAPoolAndItsMembers) {
  ObjectsInMap objects;
  Resource space;
  SetKind(space, Kind::kNamespace);
  space.mutable_metadata()->set_name("ci");
  objects.Put(Stored(space, kGit));
  Resource pool;
  SetKind(pool, Kind::kVmPool);
  pool.mutable_metadata()->set_name("pool");
  pool.mutable_metadata()->set_namespace_("ci");
  objects.Put(Stored(pool, kGit));
  objects.Put(Stored(Vm("pool-x"), OwnerOf(Owner::CONTROLLER, "vm_pool/ci/pool")));
  ApplyRequest request = RequestOf(kGit);
  request.mutable_prune()->set_whole_scope_loaded(true);
  EXPECT_EQ(Plan(objects, request).plan.deletes(), 2u);
  objects.Put(Stored(Vm("by-hand"), kCli));
  const PlanOutput output = Plan(objects, request);
  EXPECT_THAT(Codes(output), ElementsAre("not_pruned"));
  EXPECT_FALSE(output.problems.HasErrors()) << "the namespace stays, the pool goes";
  EXPECT_EQ(output.plan.deletes(), 1u);
  EXPECT_EQ(output.plan.noops(), 1u);
}

TEST(PruneTest, ReleasesWhatAlwaysExists) {
  ObjectsInMap objects;
  Resource cluster;
  SetKind(cluster, Kind::kCluster);
  cluster.mutable_metadata()->set_name("default");
  objects.Put(Stored(cluster, kGit));
  ApplyRequest request = RequestOf(kGit);
  request.mutable_prune()->set_whole_scope_loaded(true);
  const PlanOutput output = Plan(objects, request);
  ASSERT_EQ(output.plan.actions_size(), 1);
  EXPECT_EQ(output.plan.actions(0).verb(), Action::RELEASE);
  EXPECT_FALSE(output.writes[0].after->metadata().has_owner());
}

TEST(DeletePlanTest, RunningVmStaysUntilItsControllerHasSeenItEnd) {
  ObjectsInMap objects;
  objects.Put(Stored(Vm("build"), kCli));
  v1::DeleteRequest request;
  *request.mutable_ref() = ToProto(Ref{Kind::kVm, "ci", "build"});
  *request.mutable_owner() = kCli;
  const auto output = MakeDeletePlan(objects, request, "ana", kNow);
  ASSERT_TRUE(output.ok()) << output.status();
  ASSERT_TRUE(output->writes[0].after.has_value());
  EXPECT_TRUE(output->writes[0].after->metadata().has_deleting_since());
}

TEST(DeletePlanTest, HostIsKeptWhileVmsRunOnIt) {
  ObjectsInMap objects;
  Resource host;
  SetKind(host, Kind::kHost);
  host.mutable_metadata()->set_name("mac-01");
  objects.Put(Stored(host, kCli));
  Resource vm = Stored(Vm("build"), kGit);
  vm.mutable_vm()->mutable_status()->mutable_placement()->set_host("mac-01");
  vm.mutable_vm()->mutable_status()->mutable_placement()->set_attempt(1);
  objects.Put(vm);
  v1::DeleteRequest request;
  *request.mutable_ref() = ToProto(Ref{Kind::kHost, "", "mac-01"});
  *request.mutable_owner() = kCli;
  const auto output = MakeDeletePlan(objects, request, "ana", kNow);
  ASSERT_TRUE(output.ok());
  ASSERT_TRUE(output->problems.HasErrors());
  EXPECT_THAT(output->problems.list()[0].message(), HasSubstr("vm ci/build runs on it"));
  // Powered off, it does not run there; its disk would go with the host.
  vm.mutable_vm()->mutable_status()->mutable_placement()->clear_host();
  vm.mutable_vm()->mutable_status()->mutable_placement()->set_disk_host("mac-01");
  objects.Put(vm);
  const auto off = MakeDeletePlan(objects, request, "ana", kNow);
  ASSERT_TRUE(off.ok() && off->problems.HasErrors());
  EXPECT_THAT(off->problems.list()[0].message(), HasSubstr("vm ci/build is powered off and has"));
}

TEST(DigestTest, DependsOnWhatIsDoneAndNotOnWhy) {
  ObjectsInMap objects;
  objects.Put(Stored(Vm("build"), kGit));
  ApplyRequest request = RequestOf(kGit);
  Declare(request, Vm("build", 8));
  v1::Plan plan = Plan(objects, request).plan;
  const std::string digest = plan.digest();
  plan.mutable_actions(0)->set_reason("something else");
  plan.mutable_capacity()->set_short_(true);
  EXPECT_EQ(PlanDigest(plan, objects), digest);
  plan.mutable_actions(0)->mutable_changes(0)->set_after("9");
  EXPECT_NE(PlanDigest(plan, objects), digest);
}

TEST(PlanTest, RefusesHoldsThatNothingHeeds) {
  Resource host;
  host.mutable_metadata()->set_name("mac-01");
  host.mutable_host();
  ObjectsInMap objects;
  Resource cache;
  cache.mutable_metadata()->set_name("all");
  cache.mutable_image_cache();
  for (const Resource& object : {Stored(host, Owner()), Stored(Vm("build"), kGit),
                                 Stored(Image("sonoma"), kGit), Stored(cache, kGit)}) {
    objects.Put(object);
  }
  struct Row {
    Ref ref;
    const char* hold;
    bool heeded;
  };
  const Ref on_host{Kind::kHost, "", "mac-01"};
  const Ref on_vm{Kind::kVm, "ci", "build"};
  const Ref on_cache{Kind::kImageCache, "", "all"};
  for (const Row& row :
       {Row{on_host, "cordon", true}, Row{on_host, "drain", true}, Row{on_host, "power", false},
        Row{on_vm, "power", true}, Row{on_vm, "drain", false}, Row{on_vm, "suspend", true},
        Row{on_vm, "confirm", false}, Row{{Kind::kImage, "", "sonoma"}, "suspend", true},
        Row{{Kind::kImage, "", "sonoma"}, "power", false}, Row{on_cache, "refresh", true},
        Row{on_cache, "drain", false}}) {
    SCOPED_TRACE(absl::StrCat(row.hold, " of ", ToHuman(row.ref)));
    ApplyRequest request = RequestOf(kCli);
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(row.ref);
    change.set_hold(row.hold);
    change.set_why("swap");
    const PlanOutput output = Plan(objects, request);
    EXPECT_EQ(output.problems.HasErrors(), !row.heeded);
    EXPECT_EQ(output.writes.size(), row.heeded ? 1u : 0u);
    if (!row.heeded) {
      EXPECT_THAT(output.problems.list()[0].message(), HasSubstr("power and claim of a vm"));
    }
  }
}

}  // namespace
}  // namespace espalier
