#include "engine/server/audit/audit_entry.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/access.h"
#include "engine/model/diff.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using v1::Action;

Resource Vm(Owner::Manager manager, std::int32_t cpu) {
  Resource vm;
  vm.mutable_metadata()->set_name("build");
  vm.mutable_metadata()->set_namespace_("ci");
  vm.mutable_metadata()->set_uid("u1");
  vm.mutable_metadata()->mutable_owner()->set_manager(manager);
  vm.mutable_vm()->mutable_spec()->set_cpu(static_cast<std::uint32_t>(cpu));
  return vm;
}

Action Of(Action::Verb verb, const std::string& reason = "declared differently") {
  Action action;
  action.set_verb(verb);
  action.mutable_ref()->set_kind("vm");
  action.mutable_ref()->set_namespace_("ci");
  action.mutable_ref()->set_name("build");
  action.set_uid("u1");
  action.set_reason(reason);
  action.set_source("fleet.yaml:12");
  return action;
}

ApplyRequest By(Owner::Manager manager) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(manager);
  return request;
}

TEST(AuditEntryTest, AnUpdateHasBothHashesAndItsChanges) {
  const Resource before = Vm(Owner::GIT, 2);
  PlannedWrite write;
  write.after = Vm(Owner::GIT, 4);
  write.spec_changed = true;
  Action action = Of(Action::UPDATE);
  action.add_changes()->set_path("spec.cpu");
  ApplyRequest request = By(Owner::GIT);
  request.mutable_owner()->set_commit("3f2a91c");
  const AuditEntry entry = EntryOf(request, action, write, &before);
  EXPECT_EQ(entry.before_hash(), SpecHash(before));
  EXPECT_EQ(entry.after_hash(), SpecHash(*write.after));
  EXPECT_EQ(entry.changes(0).path(), "spec.cpu");
  EXPECT_EQ(entry.owner().source(), "fleet.yaml:12");
  EXPECT_EQ(entry.owner().commit(), "3f2a91c");
  EXPECT_EQ(entry.reason(), "") << "the verb says it already";
}

TEST(AuditEntryTest, WhatIsMadeOrGoesHasOneHashAndNoFields) {
  const Resource vm = Vm(Owner::CLI, 2);
  PlannedWrite made;
  made.after = vm;
  made.new_incarnation = true;
  Action create = Of(Action::CREATE, "declared");
  create.add_changes()->set_path("spec.cpu");
  const AuditEntry creation = EntryOf(By(Owner::CLI), create, made, nullptr);
  EXPECT_EQ(creation.before_hash(), "");
  EXPECT_EQ(creation.after_hash(), SpecHash(vm));
  EXPECT_EQ(creation.changes_size(), 0);

  // What runs somewhere stays for a while; it was asked to go.
  PlannedWrite going;
  going.after = vm;
  const AuditEntry deletion =
      EntryOf(By(Owner::CLI), Of(Action::DELETE, "not declared any more"), going, &vm);
  EXPECT_EQ(deletion.before_hash(), SpecHash(vm));
  EXPECT_EQ(deletion.after_hash(), "");
  EXPECT_EQ(deletion.uid(), "u1");
  EXPECT_EQ(deletion.reason(), "not declared any more");
}

TEST(AuditEntryTest, AnotherHandGivesItsReasonAndNotTheOwnersPlace) {
  const Resource before = Vm(Owner::GIT, 2);
  ApplyRequest request = By(Owner::CLI);
  request.mutable_override()->set_reason("INC-91");
  PlannedWrite write;
  write.by_foreign_hand = true;
  const AuditEntry entry = EntryOf(request, Of(Action::DELETE), write, &before);
  EXPECT_EQ(entry.reason(), "override: INC-91");
  EXPECT_EQ(entry.owner().source(), "") << "fleet.yaml is where git declares it";
}

TEST(AuditEntryTest, AHoldIsNoVerbAndSaysWhy) {
  const Resource before = Vm(Owner::GIT, 2);
  ApplyRequest request = By(Owner::CLI);
  v1::HoldChange& hold = *request.add_holds();
  *hold.mutable_ref() = ToProto(RefOf(before));
  hold.set_why("disk swap");
  PlannedWrite write;
  write.after = before;
  Action action = Of(Action::UPDATE, "hold: power");
  action.add_changes()->set_path("metadata.holds[power]");
  const AuditEntry entry = EntryOf(request, action, write, &before);
  EXPECT_EQ(entry.verb(), Action::VERB_UNSPECIFIED);
  EXPECT_EQ(entry.reason(), "disk swap");
  EXPECT_EQ(entry.before_hash(), entry.after_hash());
}

TEST(AuditEntryTest, ControllersDeedsAreThoseOnOthersObjects) {
  const Resource member = Vm(Owner::CONTROLLER, 2);
  const Resource hand_made = Vm(Owner::CLI, 2);
  const Caller controller = {.role = Caller::Role::kController, .subject = "controller vm"};
  EXPECT_FALSE(IsDeed(controller, nullptr, &member));
  EXPECT_FALSE(IsDeed(controller, &member, nullptr));
  EXPECT_TRUE(IsDeed(controller, &hand_made, nullptr)) << "its time was over";
  EXPECT_TRUE(IsDeed({.role = Caller::Role::kAdmin}, nullptr, &member));
}

TEST(AuditEntryTest, ALongEntryIsCutAndCountsWhatIsLeftOut) {
  AuditEntry entry;
  entry.set_subject(std::string(5000, 's'));
  entry.set_refused(std::string(5000, 'r'));
  entry.mutable_ref()->set_name(std::string(5000, 'n'));
  entry.mutable_owner()->set_instance(std::string(5000, 'i'));
  for (int i = 0; i < 50; ++i) {
    v1::FieldChange& change = *entry.add_changes();
    change.set_path(absl::StrCat("metadata.labels[", i, "]"));
    // Two bytes a letter: none may be cut in half.
    std::string value = "\"";
    for (int letter = 0; letter < 200; ++letter) value += "ä";
    change.set_after(value);
  }
  CutToSize(entry);
  EXPECT_LE(entry.ByteSizeLong(), limits::kAuditEntryBytes);
  ASSERT_GT(entry.changes_size(), 1);
  EXPECT_EQ(entry.changes(entry.changes_size() - 1).path(),
            absl::StrCat("(", 51 - entry.changes_size(), " more)"));
  EXPECT_THAT(entry.changes(0).after(), ::testing::EndsWith("ä…"));
  EXPECT_LE(limits::kAuditEntryBytes * limits::kAtomicObjects, limits::kObjectBytes)
      << "a record is one value of the store";
}

}  // namespace
}  // namespace espalier
