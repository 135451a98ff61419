#include "engine/plan/drift_authors.h"

#include <string>

#include "engine/model/access.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using v1::AuditEntry;
using v1::DriftReport;
using v1::DriftRow;
using v1::Owner;

const Ref kVm = {Kind::kVm, "ci", "build"};

DriftRow& AddRow(DriftRow::Class row_class, const std::string& subclass, DriftReport& report) {
  DriftRow& row = *report.add_rows();
  row.set_class_(row_class);
  row.set_subclass(subclass);
  *row.mutable_ref() = ToProto(kVm);
  row.set_actor("unknown");
  row.set_detail("as found");
  return row;
}

AuditEntry By(const std::string& subject, Owner::Manager manager, v1::Action::Verb verb,
              const std::string& reason = "") {
  AuditEntry entry;
  entry.set_subject(subject);
  entry.mutable_owner()->set_manager(manager);
  entry.set_verb(verb);
  entry.set_reason(reason);
  entry.mutable_at()->set_seconds(1'800'000'000);
  return entry;
}

TEST(DriftAuthorsTest, OnlyDeedsThatNobodyIsNamedForAreWanted) {
  DriftReport report;
  AddRow(DriftRow::UNMANAGED, "found", report);
  AddRow(DriftRow::CHANGED, "", report);
  AddRow(DriftRow::UNKNOWN, "", report);
  // Lost at run time: it is there.
  AddRow(DriftRow::MISSING, "", report).mutable_since()->set_seconds(1);
  const AuthorsWanted none = AuthorsWantedFor(report);
  EXPECT_TRUE(none.claims.empty());
  EXPECT_TRUE(none.releases.empty());
  EXPECT_TRUE(none.deletions.empty());

  AddRow(DriftRow::MISSING, "", report);
  AddRow(DriftRow::UNMANAGED, "", report);
  AddRow(DriftRow::CONFLICT, "", report);
  const AuthorsWanted wanted = AuthorsWantedFor(report);
  EXPECT_EQ(wanted.claims.count(kVm), 1u);
  EXPECT_EQ(wanted.releases.count(kVm), 1u);
  EXPECT_EQ(wanted.deletions.count(kVm), 1u);
}

TEST(DriftAuthorsTest, ATransferNamesWhoTookIt) {
  DriftReport report;
  AddRow(DriftRow::CONFLICT, "", report);
  AddRow(DriftRow::UNMANAGED, "hand_made", report);
  AuditEntry transfer = By("ana", Owner::CLI, v1::Action::ADOPT, "taken over from git fleet");
  transfer.add_changes()->set_path("metadata.owner");
  transfer.mutable_changes(0)->set_before("\"git fleet\"");
  NameAuthors({.claims = {{kVm, transfer}}}, report);
  for (const DriftRow& row : report.rows()) {
    EXPECT_EQ(row.actor(), "ana");
    EXPECT_EQ(row.interface(), "cli transfer");
    EXPECT_EQ(row.reason(), "") << "nobody gave one";
    EXPECT_EQ(row.since().seconds(), 1'800'000'000);
  }
}

TEST(DriftAuthorsTest, ADeletionByAnotherHandIsCalledSo) {
  DriftReport report;
  AddRow(DriftRow::MISSING, "", report).mutable_owner()->set_manager(Owner::GIT);
  NameAuthors({.deletions = {{kVm, By("ben", Owner::CLI, v1::Action::DELETE, "override: INC-7")}}},
              report);
  EXPECT_EQ(report.rows(0).detail(), "deleted by another hand");
  EXPECT_EQ(report.rows(0).interface(), "cli override");
  EXPECT_EQ(report.rows(0).reason(), "INC-7");
}

TEST(DriftAuthorsTest, ADeletionByItsOwnerIsNot) {
  DriftReport report;
  AddRow(DriftRow::MISSING, "", report).mutable_owner()->set_manager(Owner::GIT);
  NameAuthors(
      {.deletions = {{kVm, By("reconciler", Owner::GIT, v1::Action::DELETE, "not declared")}}},
      report);
  EXPECT_EQ(report.rows(0).detail(), "as found");
  EXPECT_EQ(report.rows(0).actor(), "reconciler");
  EXPECT_EQ(report.rows(0).reason(), "not declared");
}

TEST(DriftAuthorsTest, WhatTheTrailDoesNotKnowStaysUnknown) {
  DriftReport report;
  AddRow(DriftRow::MISSING, "", report);
  NameAuthors({}, report);
  EXPECT_EQ(report.rows(0).actor(), "unknown");
  EXPECT_FALSE(report.rows(0).has_since());
}

}  // namespace
}  // namespace espalier
