// Whole outputs against goldens in tests/golden/render/, so that a change of what people read is a
// diff to review.
#include "engine/render/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/golden.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using v1::Action;

void ExpectGolden(const std::string& name, const std::string& actual) {
  EXPECT_EQ(Golden("render/" + name, actual), actual) << name;
}

v1::Ref MakeRef(const std::string& kind, const std::string& ns, const std::string& name) {
  v1::Ref ref;
  ref.set_kind(kind);
  ref.set_namespace_(ns);
  ref.set_name(name);
  return ref;
}

v1::FieldChange Change(const std::string& path, const std::string& before,
                       const std::string& after) {
  v1::FieldChange change;
  change.set_path(path);
  if (!before.empty()) change.set_before(before);
  if (!after.empty()) change.set_after(after);
  return change;
}

Action MakeAction(Action::Verb verb, const v1::Ref& ref, Action::Risk risk,
                  const std::string& reason, const std::string& source,
                  const std::vector<v1::FieldChange>& changes = {}) {
  Action action;
  action.set_verb(verb);
  *action.mutable_ref() = ref;
  action.set_risk(risk);
  action.set_reason(reason);
  action.set_source(source);
  for (const v1::FieldChange& change : changes) *action.add_changes() = change;
  return action;
}

v1::Plan ExamplePlan() {
  v1::Plan plan;
  v1::FieldChange digest = Change("spec.image", "\"sonoma\"", "");
  digest.set_unknown(true);
  v1::FieldChange image = Change("spec.image", "\"sonoma\"", "\"r.example/macos/sequoia:15.1\"");
  image.set_forces_replace(true);
  *plan.add_actions() = MakeAction(
      Action::CREATE, MakeRef("vm", "ci", "build"), Action::LOW, "declared", "fleet.yaml:12",
      {Change("metadata.labels[team]", "", "\"ios\""), Change("spec.cpu", "", "4"),
       Change("spec.image", "", "\"sonoma\"")});
  *plan.add_actions() =
      MakeAction(Action::REPLACE, MakeRef("vm", "ci", "signing"), Action::DESTRUCTIVE,
                 "declared differently; spec.image is immutable", "fleet.yaml:30",
                 {image, Change("spec.ttl_seconds", "3600", "")});
  Action& pool = *plan.add_actions();
  pool = MakeAction(Action::UPDATE, MakeRef("vm_pool", "ci", "runners"), Action::DISRUPTIVE,
                    "takes back what ana changed", "fleet.yaml:50",
                    {Change("spec.replicas", "3", "5"), digest});
  pool.add_forces("3 members roll, one at a time");
  Action& host = *plan.add_actions();
  host =
      MakeAction(Action::ADOPT, MakeRef("host", "", "mac-01"), Action::LOW, "belongs to nobody yet",
                 "hosts.yaml:1", {Change("metadata.owner", "", "\"git prod\"")});
  host.add_holds("cordon by ana: disk swap");
  *plan.add_actions() = MakeAction(Action::RELEASE, MakeRef("image", "", "ventura"), Action::LOW,
                                   "given up, stays as it is", "");
  *plan.add_actions() = MakeAction(Action::DELETE, MakeRef("vm", "ci", "old"), Action::DESTRUCTIVE,
                                   "not declared any more", "fleet.yaml:80");
  *plan.add_actions() = MakeAction(Action::NOOP, MakeRef("image", "", "sonoma"), Action::LOW,
                                   "as declared", "fleet.yaml:1");
  plan.set_creates(1);
  plan.set_updates(1);
  plan.set_replaces(1);
  plan.set_adopts(1);
  plan.set_deletes(1);
  plan.set_noops(1);
  plan.set_digest(std::string(64, 'a'));
  plan.mutable_capacity()->set_short_(true);
  plan.mutable_capacity()->add_verdicts("10 wanted, 6 slots: 4 wait");
  return plan;
}

std::vector<Problem> ExampleProblems() {
  Problems problems;
  Problem& error = problems.Error("owner_conflict", "",
                                  "is owned by terraform ci; git prod may not change it without an "
                                  "override or a transfer");
  *error.mutable_ref() = MakeRef("vm", "ci", "signing");
  error.set_file("fleet.yaml");
  error.set_line(30);
  Problem& note =
      problems.Note("missing_reference", "spec.image", "image sonoma does not exist yet");
  *note.mutable_ref() = MakeRef("vm", "ci", "build");
  note.set_file("fleet.yaml");
  note.set_line(17);
  note.set_column(10);
  return problems.list();
}

// 2026-11-21 05:30 UTC.
constexpr std::int64_t kNow = 1795239000;

v1::DriftReport ExampleDrift() {
  v1::DriftReport report;
  v1::DriftRow& changed = *report.add_rows();
  changed.set_class_(v1::DriftRow::CHANGED);
  *changed.mutable_ref() = MakeRef("vm", "ci", "signing");
  changed.set_detail("cpu 4 -> 8");
  *changed.add_changes() = Change("spec.cpu", "4", "8");
  changed.set_actor("ana");
  changed.set_interface("cli override");
  changed.set_reason("INC-91");
  changed.mutable_since()->set_seconds(kNow - 15480);
  changed.set_next("held until 2026-11-21T05:12Z");
  v1::DriftRow& found = *report.add_rows();
  found.set_class_(v1::DriftRow::UNMANAGED);
  found.set_subclass("hand_made");
  *found.mutable_ref() = MakeRef("vm", "default", "scratch");
  found.set_detail("made by hand (cli)");
  found.set_actor("ben");
  found.set_interface("cli");
  found.mutable_since()->set_seconds(kNow - 86400 * 3);
  found.set_next("declare it with a transfer, or espalier delete vm/default/scratch");
  v1::DriftRow& healed = *report.add_rows();
  healed.set_class_(v1::DriftRow::MISSING);
  *healed.mutable_ref() = MakeRef("vm", "ci", "build");
  healed.set_detail("host mac-02 was lost");
  healed.set_actor("unknown");
  healed.set_interface("host mac-02");
  healed.mutable_since()->set_seconds(kNow - 600);
  healed.mutable_healed_at()->set_seconds(kNow - 500);
  healed.set_next("healed: attempt 2 runs");
  report.set_managed(47);
  report.set_total(48);
  return report;
}

TEST(RenderTest, PlanAsText) {
  ExpectGolden("plan.txt", PlanToText(ExamplePlan(), {}));
  ExpectGolden("plan_refused.txt", PlanToText(ExamplePlan(), ExampleProblems()));
  if (UpdatesGoldens()) GTEST_SKIP();
}

TEST(RenderTest, PlanAsMarkdown) {
  ExpectGolden("plan.md", PlanToMarkdown(ExamplePlan(), {}));
  ExpectGolden("plan_refused.md", PlanToMarkdown(ExamplePlan(), ExampleProblems(),
                                                 {.title = "Plan of prod at 3f2a91c"}));
  if (UpdatesGoldens()) GTEST_SKIP();
}

TEST(RenderTest, Drift) {
  const absl::Time now = absl::FromUnixSeconds(kNow);
  ExpectGolden("drift.txt", DriftToText(ExampleDrift(), {.now = now}));
  ExpectGolden("drift.md", DriftToMarkdown(ExampleDrift(), {.now = now}));
  ExpectGolden("drift.json", DriftToJson(ExampleDrift(), now));
  if (UpdatesGoldens()) GTEST_SKIP();
}

TEST(RenderTest, TheUnknownHasAnAgeOnAScreenOnly) {
  v1::DriftReport report;
  v1::DriftRow& row = *report.add_rows();
  row.set_class_(v1::DriftRow::UNKNOWN);
  *row.mutable_ref() = MakeRef("host", "", "mac-02");
  row.set_detail("its agent is silent");
  row.mutable_since()->set_seconds(kNow - 600);
  const absl::Time now = absl::FromUnixSeconds(kNow);
  EXPECT_THAT(DriftToText(report, {.now = now}), HasSubstr("its agent is silent, unknown for 10m"));
  EXPECT_THAT(DriftToMarkdown(report, {.now = now}), Not(HasSubstr("10m")))
      << "a comment would change each minute";
}

TEST(RenderTest, CoverageIsAllOnlyWhenItIsAll) {
  v1::DriftReport report;
  report.set_managed(999);
  report.set_total(1000);
  EXPECT_THAT(DriftToText(report), HasSubstr("999 of 1000 managed (99 %)"));
}

TEST(RenderTest, AuditTrail) {
  std::vector<v1::AuditEntry> entries(4);
  for (v1::AuditEntry& entry : entries) {
    entry.mutable_at()->set_seconds(kNow);
    entry.set_subject("ana");
    entry.mutable_owner()->set_manager(v1::Owner::CLI);
    *entry.mutable_ref() = MakeRef("vm", "ci", "build");
  }
  entries[0].set_verb(v1::Action::UPDATE);
  entries[0].set_subject("source fleet");
  entries[0].mutable_owner()->set_manager(v1::Owner::GIT);
  entries[0].mutable_owner()->set_instance("fleet");
  entries[0].mutable_owner()->set_source("fleet.yaml:12");
  entries[0].mutable_owner()->set_commit("3f2a91c4d5e6f708192a3b4c5d6e7f8091a2b3c4");
  *entries[0].add_changes() = Change("spec.cpu", "4", "8");
  entries[0].add_changes()->set_path("(3 more)");
  *entries[1].add_changes() = Change("metadata.holds[power]", "", "\"by ana: disk swap\"");
  entries[1].set_reason("disk swap");
  *entries[2].add_changes() = Change("metadata.holds[power]", "\"by ana: disk swap\"", "");
  entries[3].set_refused("is owned by git fleet");
  entries[3].set_subject("vera\x1b[2J");
  ExpectGolden("audit.txt", AuditTable(entries).ToText());
  if (UpdatesGoldens()) GTEST_SKIP();
}

// The row that the design shows.
TEST(RenderTest, DriftRowReadsAsDesigned) {
  const std::string markdown =
      DriftToMarkdown(ExampleDrift(), {.now = absl::FromUnixSeconds(kNow)});
  EXPECT_THAT(markdown, HasSubstr("| changed | vm ci/signing | cpu 4 → 8 | ana, CLI override "
                                  "\"INC-91\", 01:12Z | held until 05:12Z |\n"));
}

TEST(RenderTest, NothingToDo) {
  v1::Plan plan;
  plan.set_noops(12);
  EXPECT_EQ(PlanToText(plan, {}), "No changes: 12 objects as declared.\n");
  EXPECT_EQ(PlanToMarkdown(plan, {}), "### Plan: no changes\n\n12 objects as declared.\n");
  EXPECT_EQ(DriftToText({}), "Drift: none; 0 of 0 managed (100 %).\n");
  EXPECT_EQ(ProblemsToText({}), "");
  EXPECT_EQ(ProblemsToMarkdown({}), "");
}

TEST(RenderTest, WhatStaysIsCountedOnly) {
  v1::Plan plan = ExamplePlan();
  const int shown = plan.actions_size();
  for (int i = 0; i < 100; ++i) {
    *plan.add_actions() = MakeAction(Action::NOOP, MakeRef("vm", "ci", absl::StrCat("more-", i)),
                                     Action::LOW, "", "fleet.yaml:12");
  }
  Action& held = *plan.add_actions();
  held = MakeAction(Action::NOOP, MakeRef("vm", "ci", "held"), Action::LOW, "", "fleet.yaml:12");
  held.add_holds("keep by ana");
  const std::string all = PlanToText(plan, {});
  EXPECT_THAT(all, AllOf(HasSubstr("ci/held"), Not(HasSubstr("more-"))));
  KeepShownActions(plan);
  EXPECT_LE(plan.actions_size(), shown + 1);
  EXPECT_EQ(PlanToText(plan, {}), all);
}

TEST(RenderTest, PlacesOfDeclarationsAreLinksWhereThereIsAnAddress) {
  v1::Plan plan;
  *plan.add_actions() = MakeAction(Action::CREATE, MakeRef("vm", "ci", "build"), Action::LOW,
                                   "declared", "fleet.yaml:12");
  *plan.add_actions() = MakeAction(Action::CREATE, MakeRef("vm", "ci", "test"), Action::LOW,
                                   "declared", "other.yaml:3");
  MarkdownOptions options;
  options.link = [](const Action& action) {
    return action.ref().name() == "build" ? "https://forge.example/fleet.yaml#L12" : "";
  };
  const std::string text = PlanToMarkdown(plan, {}, options);
  EXPECT_THAT(text, HasSubstr("| [fleet.yaml:12](https://forge.example/fleet.yaml#L12) |"));
  EXPECT_THAT(text, HasSubstr("| other.yaml:3 |"));
}

TEST(RenderTest, ProblemsAsText) {
  EXPECT_EQ(
      ProblemsToText(ExampleProblems()),
      "fleet.yaml:30: error: vm ci/signing: is owned by terraform ci; git prod may not change it "
      "without an override or a transfer [owner_conflict]\n"
      "fleet.yaml:17:10: note: vm ci/build: spec.image: image sonoma does not exist yet "
      "[missing_reference]\n"
      "1 error, 1 note\n");
}

TEST(RenderTest, ProblemsAsWorkflowCommands) {
  Problems problems;
  problems.Append(ExampleProblems().front());
  Problem& warning = problems.Warning("looks_like_secret", "spec.x", "100% sure\nsecond line");
  warning.set_file("a,b:c.yaml");
  problems.Note("held", "", "::error::not a command");
  EXPECT_EQ(ProblemsToGitHub(problems.list()),
            "::error file=fleet.yaml,line=30,title=owner_conflict::vm ci/signing: is owned by "
            "terraform ci; git prod may not change it without an override or a transfer\n"
            "::warning file=a%2Cb%3Ac.yaml,title=looks_like_secret::spec.x: 100%25 sure second "
            "line\n"
            "::notice title=held::::error::not a command\n");
}

TEST(RenderTest, ColoursOnlyWhenAsked) {
  EXPECT_THAT(PlanToText(ExamplePlan(), ExampleProblems()), Not(HasSubstr("\x1b")));
  const std::string colored = PlanToText(ExamplePlan(), ExampleProblems(), {.color = true});
  EXPECT_THAT(colored, HasSubstr("\x1b[32m  +\x1b[0m vm ci/build"));
  EXPECT_THAT(colored, HasSubstr("\x1b[31merror: \x1b[0m"));
}

// What a hostile name, reason or value could do: in a terminal nothing, in a pull request nothing.
TEST(RenderTest, DefusesWhatComesFromOutside) {
  const std::string evil = "\x1b[2J|<img src=x>@admin\n| a | b |\n`x`[l](https://e.example)#12";
  v1::Plan plan;
  Action& action = *plan.add_actions();
  action = MakeAction(Action::DELETE, MakeRef("vm", evil, evil), Action::DESTRUCTIVE, evil, evil,
                      {Change(absl::StrCat("metadata.labels[", evil, "]"), evil, evil)});
  action.add_holds(evil);
  action.add_forces(evil);
  plan.mutable_capacity()->add_verdicts(evil);
  plan.set_digest(evil);
  Problems problems;
  Problem& problem = problems.Error("invalid_value", evil, evil);
  problem.set_file(evil);
  *problem.mutable_ref() = MakeRef(evil, evil, evil);
  v1::DriftReport report;
  v1::DriftRow& row = *report.add_rows();
  *row.mutable_ref() = action.ref();
  for (std::string* field : {row.mutable_detail(), row.mutable_actor(), row.mutable_interface(),
                             row.mutable_reason(), row.mutable_next(), row.mutable_subclass()}) {
    *field = evil;
  }
  for (const std::string& text :
       {PlanToText(plan, problems.list()), DriftToText(report), ProblemsToText(problems.list())}) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\n| a")));
  }
  for (const std::string& text :
       {PlanToMarkdown(plan, problems.list(), {.title = evil}),
        DriftToMarkdown(report, {.title = evil}), ProblemsToMarkdown(problems.list())}) {
    for (const char* bad :
         {"\x1b", "<img", "@admin", "\n| a", " | a | b", "J|", "https://", "#12"}) {
      EXPECT_THAT(text, Not(HasSubstr(bad)));
    }
    EXPECT_THAT(text, Not(::testing::ContainsRegex("[^\\]`")));
    EXPECT_THAT(text, Not(::testing::ContainsRegex("[^\\]\\[l")));
  }
}

TEST(RenderTest, CutsMarkdownAtItsBound) {
  v1::Plan plan;
  for (int i = 0; i < 5000; ++i) {
    *plan.add_actions() = MakeAction(Action::CREATE, MakeRef("vm", "ci", absl::StrCat("vm-", i)),
                                     Action::LOW, "declared", "fleet.yaml:1");
  }
  *plan.add_actions() = MakeAction(Action::DELETE, MakeRef("vm", "ci", "last"), Action::DESTRUCTIVE,
                                   "not declared any more", "");
  plan.set_creates(5000);
  plan.set_deletes(1);
  const std::string markdown = PlanToMarkdown(plan, {}, {.max_bytes = 10000});
  EXPECT_LT(markdown.size(), 10500u);
  EXPECT_THAT(markdown, HasSubstr("more rows.\n"));
  // What is risky is never what is cut off.
  EXPECT_THAT(markdown, HasSubstr("vm ci/last"));
}

TEST(RenderTest, TheFleetInOneLineAndInNumbers) {
  std::vector<Resource> objects(5);
  objects[0].mutable_host()->mutable_status()->mutable_liveness()->set_state(
      v1::HostLiveness::READY);
  objects[1].mutable_host()->mutable_status()->mutable_liveness()->set_state(
      v1::HostLiveness::UNKNOWN);
  objects[2].mutable_vm()->mutable_status()->mutable_placement()->set_phase(
      v1::VmPlacement::RUNNING);
  objects[3].mutable_vm();
  objects[4].mutable_image_cache()->mutable_status()->set_wanted(6);
  objects[4].mutable_image_cache()->mutable_status()->set_ready(5);
  EXPECT_EQ(
      StatusLine(objects, ExampleDrift()),
      "1 of 2 hosts ready · 2 VMs: 1 pending, 1 running · 5 of 6 cached images ready · drift: "
      "1 changed, 1 unmanaged, 1 healed\n");
  std::string json;
  WriteStatus(objects, ExampleDrift(), *MakeJsonWriter(Indent::kNone, json));
  EXPECT_EQ(json, R"({"hosts":{"ready":1,"total":2},)"
                  R"("vms":{"total":2,"by_phase":{"pending":1,"running":1}},)"
                  R"("cached_images":{"ready":5,"wanted":6},)"
                  R"("drift":{"total":3,"by_class":{"changed":1,"unmanaged":1,"healed":1}}})");
}

}  // namespace
}  // namespace espalier
