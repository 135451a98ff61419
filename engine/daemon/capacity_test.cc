#include "engine/daemon/capacity.h"

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A Mac with two slots, and room for more.
ObjectPtr Mac(const std::string& name) {
  auto host = std::make_shared<Resource>();
  host->mutable_metadata()->set_name(name);
  host->mutable_host()->mutable_spec()->set_macos_slots(2);
  v1::HostStatus& status = *host->mutable_host()->mutable_status();
  status.mutable_liveness()->set_state(v1::HostLiveness::READY);
  status.mutable_observed()->set_os("darwin");
  status.mutable_observed()->set_arch("arm64");
  status.mutable_observed()->set_cpu(16);
  status.mutable_observed()->set_memory_mib(65536);
  return host;
}

ObjectPtr MacosImage() {
  auto image = std::make_shared<Resource>();
  image->mutable_metadata()->set_name("sonoma");
  v1::ImageStatus& status = *image->mutable_image()->mutable_status();
  status.set_digest("sha256:1");
  status.set_os("darwin");
  status.set_arch("arm64");
  return image;
}

v1::VmSpec Spec() {
  v1::VmSpec spec;
  spec.set_image("sonoma");
  spec.set_cpu(2);
  spec.set_memory_mib(4096);
  return spec;
}

Resource Vm(const std::string& name, const std::string& host = "") {
  Resource vm;
  vm.mutable_metadata()->set_name(name);
  vm.mutable_metadata()->set_namespace_("default");
  *vm.mutable_vm()->mutable_spec() = Spec();
  if (host.empty()) return vm;
  v1::VmPlacement& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_host(host);
  placement.set_phase(v1::VmPlacement::RUNNING);
  placement.set_image_os("darwin");
  return vm;
}

Resource Pool(const std::string& name, std::uint32_t replicas) {
  Resource pool;
  pool.mutable_metadata()->set_name(name);
  pool.mutable_metadata()->set_namespace_("default");
  pool.mutable_vm_pool()->mutable_spec()->set_replicas(replicas);
  *pool.mutable_vm_pool()->mutable_spec()->mutable_template_() = Spec();
  return pool;
}

// A plan that makes `objects` anew.
PlanOutput Making(const std::vector<Resource>& objects) {
  PlanOutput plan;
  for (const Resource& object : objects) {
    plan.writes.push_back({.after = object, .ref = RefOf(object), .new_incarnation = true});
  }
  return plan;
}

class CapacityBookTest : public testing::Test {
 protected:
  CapacityBookTest() {
    Put(Mac("mac-1"));
    Put(MacosImage());
  }
  void Put(const ObjectPtr& object) { objects_.Put(KeyOf(RefOf(*object)), object); }
  void Put(const Resource& object) { Put(std::make_shared<Resource>(object)); }

  v1::Capacity Verdict(const ObjectMap& objects, const PlanOutput& plan) {
    return book_.VerdictOf(objects, {}, plan);
  }

  ObjectMap objects_;
  CapacityBook book_;
};

TEST_F(CapacityBookTest, EachMemberOfAPoolTakesRoomOfItsOwn) {
  EXPECT_THAT(Verdict(objects_, Making({Pool("runners", 2)})).verdicts(), IsEmpty());
  const v1::Capacity capacity = Verdict(objects_, Making({Pool("runners", 5)}));
  EXPECT_TRUE(capacity.short_());
  EXPECT_THAT(capacity.verdicts(),
              ElementsAre("5 wanted, 2 slots: 3 wait", "3 wait: 1 host: 1 no free macOS slot"));
}

TEST_F(CapacityBookTest, APlanThatWasOnlyMadeTakesNoRoom) {
  for (int i = 0; i < 5; ++i) {
    const Resource vm = Vm(absl::StrCat("vm-", i));
    EXPECT_FALSE(Verdict(objects_, Making({vm})).short_()) << i;
  }
}

TEST_F(CapacityBookTest, FollowsTheFleetFromOneSnapshotToTheNext) {
  const ObjectMap empty = objects_;
  Put(Vm("a", "mac-1"));
  Put(Vm("b", "mac-1"));
  EXPECT_TRUE(Verdict(objects_, Making({Vm("c")})).short_());
  EXPECT_FALSE(Verdict(empty, Making({Vm("c")})).short_()) << "plans may be older";
  Put(Mac("mac-2"));
  EXPECT_FALSE(Verdict(objects_, Making({Vm("c")})).short_());
  objects_.Erase(KeyOf({Kind::kHost, "", "mac-2"}));
  EXPECT_TRUE(Verdict(objects_, Making({Vm("c")})).short_());
}

TEST_F(CapacityBookTest, WhatIsReplacedLeavesItsRoomToWhatReplacesIt) {
  Put(Vm("a", "mac-1"));
  Put(Vm("b", "mac-1"));
  EXPECT_FALSE(Verdict(objects_, Making({Vm("a")})).short_());
  EXPECT_TRUE(Verdict(objects_, Making({Vm("c")})).short_()) << "a has its room again";
}

TEST_F(CapacityBookTest, KnowsAnImageFromTheVmThatRunsIt) {
  const auto by_reference = [](const std::string& name, const std::string& host = "") {
    Resource vm = Vm(name, host);
    vm.mutable_vm()->mutable_spec()->set_image("r.example/sonoma:1");
    return vm;
  };
  const PlanOutput two = Making({by_reference("b"), by_reference("c")});
  EXPECT_FALSE(Verdict(objects_, two).short_()) << "there is room but for macOS";
  Put(by_reference("a", "mac-1"));
  EXPECT_THAT(Verdict(objects_, two).verdicts(),
              ElementsAre("2 wanted, 1 slot: 1 waits", "1 waits: 1 host: 1 no free macOS slot"));
}

TEST_F(CapacityBookTest, CountsWhatEarlierPreviewsWouldMake) {
  const EarlierObjects earlier = {std::make_shared<const Resource>(Vm("a")),
                                  std::make_shared<const Resource>(Pool("runners", 1))};
  EXPECT_FALSE(book_.VerdictOf(objects_, {earlier[0]}, Making({Vm("c")})).short_());
  EXPECT_THAT(book_.VerdictOf(objects_, earlier, Making({Vm("c")})).verdicts(),
              ElementsAre("3 wanted, 2 slots: 1 waits", "1 waits: 1 host: 1 no free macOS slot"));
  EXPECT_FALSE(book_.VerdictOf(objects_, earlier, Making({Vm("a")})).short_()) << "asked again";
  EXPECT_THAT(book_.VerdictOf(objects_, earlier, Making({*MacosImage()})).verdicts(), IsEmpty())
      << "what wants no room hears nothing of that of others";
}

}  // namespace
}  // namespace espalier
