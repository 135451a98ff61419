#include "engine/plan/drift.h"

#include <gtest/gtest.h>

#include "engine/model/access.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using v1::DriftReport;
using v1::DriftRequest;
using v1::DriftRow;
using v1::Owner;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

Resource Vm(const std::string& name) {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_metadata()->set_namespace_("ci");
  resource.mutable_metadata()->mutable_owner()->set_manager(Owner::GIT);
  resource.mutable_metadata()->mutable_owner()->set_instance("fleet");
  resource.mutable_vm()->mutable_spec()->set_image("sonoma");
  ApplyDefaults(resource);
  return resource;
}

DriftReport Find(const Objects& objects, const DriftRequest& request = {},
                 std::map<Ref, Tombstone> tombstones = {}) {
  return FindDrift(DriftInput{
      .objects = objects, .request = request, .now = kNow, .tombstones = std::move(tombstones)});
}

TEST(DriftTest, InSyncIsEmptyAndCovered) {
  ObjectsInMap objects;
  objects.Put(Vm("a"));
  const DriftReport report = Find(objects);
  EXPECT_EQ(report.rows_size(), 0);
  EXPECT_EQ(report.managed(), 1u);
  EXPECT_EQ(report.total(), 1u);
}

TEST(DriftTest, WhatNobodyOwnsAnyMoreIsUnmanaged) {
  ObjectsInMap objects;
  Resource vm = Vm("a");
  vm.mutable_metadata()->clear_owner();
  objects.Put(vm);
  // A Host comes with its agent, and some things are always there.
  Resource host;
  host.mutable_metadata()->set_name("mac-01");
  host.mutable_host();
  objects.Put(host);
  Resource ns;
  ns.mutable_metadata()->set_name("default");
  ns.mutable_namespace_();
  objects.Put(ns);
  const DriftReport report = Find(objects);
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).class_(), DriftRow::UNMANAGED);
  EXPECT_EQ(report.rows(0).subclass(), "");
  EXPECT_EQ(report.rows(0).ref().name(), "a");
  EXPECT_EQ(report.managed(), 0u);
  EXPECT_EQ(report.total(), 1u);
}

TEST(DriftTest, ForeignEditIsChangedWithItsHand) {
  ObjectsInMap objects;
  Resource vm = Vm("a");
  v1::Edited& edited = *vm.mutable_metadata()->mutable_edited();
  edited.set_declared_json(DeclaredJson(vm));
  edited.set_actor("ana");
  edited.set_interface("cli");
  edited.set_reason("INC-91");
  SetTime(kNow - absl::Minutes(5), *edited.mutable_at());
  vm.mutable_vm()->mutable_spec()->set_ttl_seconds(60);
  objects.Put(vm);
  const DriftReport report = Find(objects);
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).class_(), DriftRow::CHANGED);
  EXPECT_EQ(report.rows(0).detail(), "ttl_seconds 0 -> 60");
  EXPECT_EQ(report.rows(0).actor(), "ana");
  EXPECT_EQ(report.rows(0).interface(), "cli override");
  EXPECT_EQ(TimeOf(report.rows(0).since()), kNow - absl::Minutes(5));
}

TEST(DriftTest, LostRunIsMissingAndStaysListedForAnHourOnceHealed) {
  Resource vm = Vm("a");
  v1::VmPlacement& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_host("mac-01");
  placement.set_attempt(2);
  placement.set_phase(v1::VmPlacement::RUNNING);
  placement.set_healed_what("its run on mac-01 ended unasked");
  SetTime(kNow - absl::Minutes(30), *placement.mutable_healed_at());
  {
    ObjectsInMap objects;
    objects.Put(vm);
    const DriftReport report = Find(objects);
    ASSERT_EQ(report.rows_size(), 1);
    EXPECT_EQ(report.rows(0).class_(), DriftRow::MISSING);
    EXPECT_TRUE(report.rows(0).has_healed_at());
  }
  SetTime(kNow - absl::Minutes(61), *placement.mutable_healed_at());
  ObjectsInMap objects;
  objects.Put(vm);
  EXPECT_EQ(Find(objects).rows_size(), 0);
}

TEST(DriftTest, FoundThingsAndHandMadeObjectsAreUnmanaged) {
  ObjectsInMap objects;
  Resource host;
  SetKind(host, Kind::kHost);
  host.mutable_metadata()->set_name("mac-01");
  v1::HostObserved& observed = *host.mutable_host()->mutable_status()->mutable_observed();
  observed.mutable_found_vms()->insert({"stray", v1::FoundVm()});
  observed.mutable_found_images()->insert({"old", v1::FoundImage()});
  objects.Put(host);
  Resource hand_made = Vm("b");
  hand_made.mutable_metadata()->mutable_owner()->set_manager(Owner::CLI);
  hand_made.mutable_metadata()->mutable_owner()->clear_instance();
  objects.Put(hand_made);
  const DriftReport report = Find(objects);
  ASSERT_EQ(report.rows_size(), 3);
  EXPECT_EQ(report.rows(0).subclass(), "found");
  EXPECT_EQ(report.rows(0).interface(), "host mac-01");
  EXPECT_EQ(report.rows(2).subclass(), "hand_made");
  EXPECT_EQ(report.managed(), 0u);
  EXPECT_EQ(report.total(), 3u);
}

TEST(DriftTest, WhatOnlyHandsCanMakeIsNoDrift) {
  ObjectsInMap objects;
  for (const Kind kind : {Kind::kGitSource, Kind::kCluster}) {
    Resource resource;
    SetKind(resource, kind);
    resource.mutable_metadata()->set_name("default");
    resource.mutable_metadata()->mutable_owner()->set_manager(Owner::CLI);
    objects.Put(resource);
  }
  const DriftReport report = Find(objects);
  EXPECT_EQ(report.rows_size(), 0);
  EXPECT_EQ(report.total(), 0u);
}

TEST(DriftTest, HandMadeIsWhatAPersonMadeAndItsRunsCountAsWell) {
  ObjectsInMap objects;
  Resource by_service = Vm("a");
  by_service.mutable_metadata()->mutable_owner()->set_manager(Owner::API);
  by_service.mutable_metadata()->mutable_owner()->clear_instance();
  objects.Put(by_service);
  Resource by_hand = Vm("b");
  by_hand.mutable_metadata()->mutable_owner()->set_manager(Owner::CLI);
  by_hand.mutable_metadata()->mutable_owner()->clear_instance();
  by_hand.mutable_vm()->mutable_status()->mutable_placement()->set_phase(v1::VmPlacement::UNKNOWN);
  objects.Put(by_hand);
  const DriftReport report = Find(objects);
  ASSERT_EQ(report.rows_size(), 2);
  EXPECT_EQ(report.rows(0).subclass(), "hand_made");
  EXPECT_EQ(report.rows(0).ref().name(), "b");
  EXPECT_EQ(report.rows(1).class_(), DriftRow::UNKNOWN);
  EXPECT_EQ(report.managed(), 1u);
}

TEST(DriftTest, SilentHostMakesItsVmUnknown) {
  ObjectsInMap objects;
  Resource vm = Vm("a");
  vm.mutable_vm()->mutable_status()->mutable_placement()->set_phase(v1::VmPlacement::UNKNOWN);
  vm.mutable_vm()->mutable_status()->mutable_placement()->set_host("mac-01");
  objects.Put(vm);
  const DriftReport report = Find(objects);
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).class_(), DriftRow::UNKNOWN);
}

TEST(DriftTest, DeclaredAndDeletedByAnotherHandNamesTheHand) {
  ObjectsInMap objects;
  DriftRequest request;
  request.mutable_owner()->set_manager(Owner::GIT);
  request.mutable_owner()->set_instance("fleet");
  request.set_with_declared(true);
  *request.add_declared()->mutable_resource() = Vm("a");
  Tombstone stone;
  stone.edited.set_actor("ben");
  const DriftReport report = Find(objects, request, {{Ref{Kind::kVm, "ci", "a"}, stone}});
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).class_(), DriftRow::MISSING);
  EXPECT_EQ(report.rows(0).actor(), "ben");
}

TEST(DriftTest, DeclaredTwiceIsAConflict) {
  ObjectsInMap objects;
  objects.Put(Vm("a"));
  DriftRequest request;
  request.mutable_owner()->set_manager(Owner::GIT);
  request.mutable_owner()->set_instance("other");
  v1::Declared& declared = *request.add_declared();
  *declared.mutable_resource() = Vm("a");
  declared.set_source("b.yaml:3");
  const DriftReport report = Find(objects, request);
  ASSERT_EQ(report.rows_size(), 1);
  EXPECT_EQ(report.rows(0).class_(), DriftRow::CONFLICT);
}

}  // namespace
}  // namespace espalier
