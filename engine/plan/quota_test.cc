#include "engine/plan/quota.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using v1::ApplyRequest;
using v1::Owner;

constexpr int kNone = -1;

struct Limits {
  int macos_slots = kNone;
  int cpu = kNone;
  int memory_mib = kNone;
};

Resource Named(const std::string& name) {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_metadata()->set_namespace_("ci");
  return resource;
}

Resource Namespace(const Limits& limits) {
  Resource resource;
  resource.mutable_metadata()->set_name("ci");
  v1::NamespaceSpec& spec = *resource.mutable_namespace_()->mutable_spec();
  if (limits.macos_slots != kNone) spec.mutable_quota()->set_macos_slots(limits.macos_slots);
  if (limits.cpu != kNone) spec.mutable_quota()->set_cpu(limits.cpu);
  if (limits.memory_mib != kNone) spec.mutable_quota()->set_memory_mib(limits.memory_mib);
  return resource;
}

Resource Vm(const std::string& name, std::uint32_t cpu = 4, const std::string& image = "sonoma") {
  Resource resource = Named(name);
  resource.mutable_vm()->mutable_spec()->set_image(image);
  resource.mutable_vm()->mutable_spec()->set_cpu(cpu);
  ApplyDefaults(resource);
  return resource;
}

Resource Pool(const std::string& name, std::uint32_t replicas, std::uint32_t cpu = 4) {
  Resource resource = Named(name);
  v1::VmPoolSpec& spec = *resource.mutable_vm_pool()->mutable_spec();
  spec.mutable_template_()->set_image("sonoma");
  spec.mutable_template_()->set_cpu(cpu);
  spec.set_replicas(replicas);
  ApplyDefaults(resource);
  return resource;
}

Resource Image(const std::string& name, const std::string& os) {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_image()->mutable_spec()->set_reference("r.example/" + name + ":1");
  resource.mutable_image()->mutable_status()->set_os(os);
  return resource;
}

Resource Owned(Resource resource, Owner::Manager manager = Owner::CLI) {
  resource.mutable_metadata()->set_uid("uid-" + resource.metadata().name());
  resource.mutable_metadata()->set_revision(5);
  resource.mutable_metadata()->mutable_owner()->set_manager(manager);
  return resource;
}

class QuotaTest : public ::testing::Test {
 protected:
  void Stand(Resource resource, Owner::Manager manager = Owner::CLI) {
    objects_.Put(Owned(std::move(resource), manager));
  }

  static ApplyRequest Request(const std::vector<Resource>& resources) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    int line = 1;
    for (const Resource& resource : resources) {
      v1::Declared& declared = *request.add_objects();
      *declared.mutable_resource() = resource;
      declared.set_source(absl::StrCat("fleet.yaml:", line++));
    }
    return request;
  }

  // What is said about quotas, as "severity line path: message".
  std::vector<std::string> Said(const ApplyRequest& request, const EarlierObjects& earlier = {}) {
    const auto output = MakePlan(PlanInput{.objects = objects_,
                                           .request = request,
                                           .actor = "ana",
                                           .now = absl::FromUnixSeconds(1'800'000'000),
                                           .earlier = &earlier});
    EXPECT_TRUE(output.ok()) << output.status();
    std::vector<std::string> said;
    for (const Problem& problem : output->problems.list()) {
      if (problem.code() != "quota_exceeded") continue;
      said.push_back(absl::StrCat(Problem::Severity_Name(problem.severity()), " ", problem.line(),
                                  " ", problem.path(), ": ", problem.message()));
    }
    return said;
  }
  std::vector<std::string> Said(const std::vector<Resource>& resources) {
    return Said(Request(resources));
  }

  ObjectsInMap objects_;
};

TEST_F(QuotaTest, NamesTheFirstObjectThatDoesNotFit) {
  Stand(Namespace({.cpu = 10}));
  Stand(Vm("a"));
  EXPECT_THAT(Said({Vm("b")}), IsEmpty());
  EXPECT_THAT(Said({Vm("b"), Vm("c"), Vm("d")}),
              ElementsAre("ERROR 2 spec.cpu: namespace ci has a quota of 10 cpu; 4 are declared, "
                          "and this makes it 16"));
}

TEST_F(QuotaTest, LimitsOnlyWhatItNames) {
  Stand(Namespace({.memory_mib = 8192}));
  EXPECT_THAT(Said({Vm("a", 128), Vm("b", 128)}), IsEmpty());
  EXPECT_THAT(
      Said({Vm("a"), Vm("b"), Vm("c")}),
      ElementsAre("ERROR 3 spec.memory_mib: namespace ci has a quota of 8192 MiB of memory; "
                  "0 are declared, and this makes it 12288"));
  Stand(Namespace({}));
  EXPECT_THAT(Said({Vm("a"), Vm("b"), Vm("c")}), IsEmpty());
}

TEST_F(QuotaTest, AllowsExactlyWhatItSaysAndNothingOfZero) {
  Stand(Namespace({.cpu = 8}));
  EXPECT_THAT(Said({Vm("a"), Vm("b")}), IsEmpty());
  Stand(Namespace({.cpu = 0}));
  EXPECT_EQ(Said({Vm("a", 1)}).size(), 1u);
}

TEST_F(QuotaTest, WhatOnlyWaitsCountsAndWhatIsDeletedDoesNot) {
  Stand(Namespace({.cpu = 8}));
  Resource off = Vm("off");
  off.mutable_vm()->mutable_spec()->set_power(v1::VmSpec::OFF);
  Stand(off);
  Resource leaving = Vm("leaving");
  SetTime(absl::UnixEpoch(), *leaving.mutable_metadata()->mutable_deleting_since());
  Stand(leaving);
  EXPECT_THAT(Said({Vm("a")}), IsEmpty());
  EXPECT_EQ(Said({Vm("a"), Vm("b")}).size(), 1u);
}

TEST_F(QuotaTest, APoolCountsAsItsReplicasAndItsMembersAreNotCountedAgain) {
  Stand(Namespace({.cpu = 20}));
  Stand(Pool("p", 3));
  Stand(Vm("p-1"), Owner::CONTROLLER);
  Stand(Vm("p-2"), Owner::CONTROLLER);
  EXPECT_THAT(Said({Vm("a"), Vm("b")}), IsEmpty());
  EXPECT_THAT(Said({Pool("p", 6)}),
              ElementsAre("ERROR 1 spec.replicas: namespace ci has a quota of 20 cpu; 12 are "
                          "declared, and this makes it 24"));
  // The pool's controller makes what was counted already.
  ApplyRequest member = Request({Vm("p-3")});
  member.mutable_owner()->set_manager(Owner::CONTROLLER);
  Stand(Namespace({.cpu = 0}));
  EXPECT_THAT(Said(member), IsEmpty());
}

TEST_F(QuotaTest, CountsSlotsOfMacosAndWhatMayBeIt) {
  Stand(Namespace({.macos_slots = 1}));
  Stand(Image("sonoma", "darwin"));
  Stand(Image("debian", "linux"));
  EXPECT_THAT(Said({Vm("a"), Vm("b", 4, "debian"), Vm("c", 4, "debian")}), IsEmpty());
  EXPECT_THAT(Said({Vm("a"), Vm("b", 4, "r.example/nobody-knows:1")}),
              ElementsAre("ERROR 2 spec.image: namespace ci has a quota of 1 macOS slots; 0 are "
                          "declared, and this makes it 2"));
  Resource placed = Vm("placed", 4, "r.example/other:1");
  placed.mutable_vm()->mutable_status()->mutable_placement()->set_image_os("linux");
  Stand(placed);
  EXPECT_THAT(Said({Vm("a"), Vm("b", 4, "r.example/other:1")}), IsEmpty())
      << "known from the VM that runs it";
}

TEST_F(QuotaTest, ANamespaceAboveItsQuotaMayShrinkAndChange) {
  Stand(Namespace({.cpu = 4}));
  Stand(Pool("p", 5));
  Stand(Vm("a"));
  EXPECT_THAT(Said({Pool("p", 4)}), IsEmpty());
  Resource changed = Vm("a");
  changed.mutable_vm()->mutable_spec()->set_ttl_seconds(60);
  EXPECT_THAT(Said({changed}), IsEmpty());
  // What goes makes room for what comes in the same plan.
  EXPECT_THAT(Said({Pool("p", 4), Vm("b")}), IsEmpty());
  EXPECT_EQ(Said({Pool("p", 4), Vm("b"), Vm("c")}).size(), 1u);
}

TEST_F(QuotaTest, CountsAgainstTheQuotaOfTheSameSet) {
  EXPECT_EQ(Said({Namespace({.cpu = 4}), Vm("a"), Vm("b")}).size(), 1u);
  Stand(Namespace({.cpu = 4}));
  EXPECT_THAT(Said({Namespace({.cpu = 8}), Vm("a"), Vm("b")}), IsEmpty());
}

TEST_F(QuotaTest, AQuotaBelowWhatStandsIsSaid) {
  Stand(Namespace({}));
  Stand(Vm("a"));
  EXPECT_THAT(Said({Namespace({.cpu = 2})}),
              ElementsAre("WARNING 1 spec.quota: 4 cpu are declared already, more than 2: they "
                          "stay, and nothing is added to them"));
}

TEST_F(QuotaTest, OtherNamespacesAreNotCounted) {
  Stand(Namespace({.cpu = 4}));
  Resource elsewhere = Vm("a");
  elsewhere.mutable_metadata()->set_namespace_("web");
  Stand(elsewhere);
  EXPECT_THAT(Said({Vm("b")}), IsEmpty());
}

TEST_F(QuotaTest, EarlierPreviewsAreCountedOnce) {
  Stand(Namespace({.cpu = 8}));
  const EarlierObjects earlier = {std::make_shared<const Resource>(Vm("a")),
                                  std::make_shared<const Resource>(Vm("b"))};
  EXPECT_EQ(Said(Request({Vm("c")}), earlier).size(), 1u);
  EXPECT_THAT(Said(Request({Vm("b")}), earlier), IsEmpty());
}

TEST_F(QuotaTest, KnowsWhichSetsCount) {
  EXPECT_FALSE(CountsAgainstQuota(objects_, Request({Vm("a")})));
  EXPECT_TRUE(CountsAgainstQuota(objects_, Request({Namespace({.cpu = 4}), Vm("a")})));
  Stand(Namespace({.cpu = 4}));
  EXPECT_TRUE(CountsAgainstQuota(objects_, Request({Vm("a")})));
  EXPECT_TRUE(CountsAgainstQuota(objects_, Request({Pool("a", 1)})));
  EXPECT_FALSE(CountsAgainstQuota(objects_, Request({Image("a", "")})));
}

}  // namespace
}  // namespace espalier
