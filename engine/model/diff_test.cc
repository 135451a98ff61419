#include "engine/model/diff.h"

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/model/codec.h"
#include "engine/model/testing/random_resource.h"
#include "engine/model/testing/read.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "spec.cpu: 4 -> 8 !": one line a change, "+" and "-" for what comes and goes, "!" if it replaces.
std::vector<std::string> Changes(const Resource& before, const Resource& after,
                                 const std::vector<std::string>& unknown = {}) {
  std::vector<std::string> lines;
  for (const FieldChange& change : Diff(before, after, unknown)) {
    lines.push_back(absl::StrCat(change.path(), ": ", change.has_before() ? change.before() : "+",
                                 " -> ",
                                 change.unknown()     ? "?"
                                 : change.has_after() ? change.after()
                                                      : "-",
                                 change.forces_replace() ? " !" : ""));
  }
  return lines;
}

TEST(DiffTest, FindsNothingBetweenEqualObjects) {
  Random random(9);
  for (const KindInfo& kind : AllKinds()) {
    const Resource resource = RandomResource(kind.kind, random);
    EXPECT_THAT(Changes(resource, resource), IsEmpty());
  }
}

TEST(DiffTest, NamesEachFieldAndReplacesWhereOneIsImmutable) {
  EXPECT_THAT(
      Changes(Make("Vm", R"({"image":"a","cpu":4,"ttl_seconds":0,"host":"h"})"),
              Make("Vm", R"({"image":"b","cpu":8,"ttl_seconds":60,"power":"off"})")),
      ElementsAre("spec.cpu: 4 -> 8 !", "spec.host: \"h\" -> -", "spec.image: \"a\" -> \"b\" !",
                  "spec.power: + -> \"off\"", "spec.ttl_seconds: 0 -> 60"));
}

TEST(DiffTest, UnsetAndZeroDiffer) {
  EXPECT_THAT(
      Changes(Make("Vm", R"({"image":"a"})"), Make("Vm", R"({"image":"a","ttl_seconds":0})")),
      ElementsAre("spec.ttl_seconds: + -> 0"));
}

// That a secret differs is seen by its seal; what either is, is not.
TEST(DiffTest, SaysThatASecretChangesAndNotToWhat) {
  const auto credential = [](const std::string& password) {
    return Make("RegistryCredential", absl::StrCat(R"({"password":{)", password, "}}"));
  };
  const std::string one = absl::StrCat(R"("sealed":")", std::string(32, '1'), "\"");
  const std::string two = absl::StrCat(R"("sealed":")", std::string(32, '2'), "\"");
  EXPECT_THAT(Changes(credential(one), credential(one)), IsEmpty());
  EXPECT_THAT(Changes(credential(one), credential(two)),
              ElementsAre("spec.password.sealed: \"(secret)\" -> \"(secret)\""));
  EXPECT_THAT(
      Changes(credential(R"("env":"A")"), credential(two)),
      ElementsAre("spec.password.env: \"A\" -> -", "spec.password.sealed: + -> \"(secret)\""));
  EXPECT_NE(SpecHash(credential(one)), SpecHash(credential(two)));
}

TEST(DiffTest, ComparesMapsByKey) {
  EXPECT_THAT(
      Changes(Make("Vm", R"({"image":"a","ports":{"ftp":{"guest":21},"http":{"guest":80}}})"),
              Make("Vm", R"({"image":"a","ports":{"http":{"guest":8080},"x":{"guest":1}}})")),
      ElementsAre("spec.ports[ftp].guest: 21 -> -", "spec.ports[http].guest: 80 -> 8080",
                  "spec.ports[x].guest: + -> 1"));
  EXPECT_THAT(
      Changes(Make("Vm", R"({"image":"a","host_labels":{"zone":"a"}})"),
              Make("Vm", R"({"image":"a","host_labels":{"zone":"b","x":""}})")),
      ElementsAre("spec.host_labels[x]: + -> \"\"", "spec.host_labels[zone]: \"a\" -> \"b\""));
}

TEST(DiffTest, ComparesListsAsWholes) {
  EXPECT_THAT(Changes(Make("ImageCache", R"({"images":["a","b"],"all_hosts":true})"),
                      Make("ImageCache", R"({"images":["b"],"hosts":["h"]})")),
              ElementsAre("spec.all_hosts: true -> -", "spec.hosts: + -> [\"h\"]",
                          "spec.images: [\"a\",\"b\"] -> [\"b\"]"));
}

TEST(DiffTest, ImmutableInATemplateRollsMembersOnly) {
  EXPECT_THAT(Changes(Make("VmPool", R"({"replicas":1,"template":{"image":"a","cpu":1}})"),
                      Make("VmPool", R"({"replicas":2,"template":{"image":"b","cpu":1}})")),
              ElementsAre("spec.replicas: 1 -> 2", "spec.template.image: \"a\" -> \"b\""));
}

TEST(DiffTest, SeesMessagesThatComeAndGo) {
  const Resource without = Make("Cluster", "{}");
  const Resource empty = Make("Cluster", R"({"destruction_budget":{}})");
  const Resource full = Make("Cluster", R"({"destruction_budget":{"percent":5}})");
  EXPECT_THAT(Changes(without, empty), ElementsAre("spec.destruction_budget: + -> {}"));
  EXPECT_THAT(Changes(empty, without), ElementsAre("spec.destruction_budget: {} -> -"));
  EXPECT_THAT(Changes(without, full), ElementsAre("spec.destruction_budget.percent: + -> 5"));
  EXPECT_THAT(Changes(full, without), ElementsAre("spec.destruction_budget.percent: 5 -> -"));
}

TEST(DiffTest, ComparesLabelsAndAnnotations) {
  Resource before = Make("Host", "{}");
  Resource after = before;
  (*before.mutable_metadata()->mutable_labels())["team"] = "ios";
  (*after.mutable_metadata()->mutable_annotations())["note"] = "say \"hi\"";
  // What the engine sets is no difference.
  after.mutable_metadata()->set_uid("u");
  after.mutable_metadata()->set_revision(7);
  EXPECT_THAT(Changes(before, after),
              ElementsAre("metadata.annotations[note]: + -> \"say \\\"hi\\\"\"",
                          "metadata.labels[team]: \"ios\" -> -"));
}

TEST(DiffTest, WhatIsNotKnownYetWillChange) {
  const Resource before = Make("Vm", R"({"image":"a","cpu":4,"ports":{"x":{"guest":1}}})");
  EXPECT_THAT(Changes(before, before, {"spec.image"}), ElementsAre("spec.image: \"a\" -> ? !"));
  EXPECT_THAT(Changes(before, before, {"spec.host"}), ElementsAre("spec.host: + -> ?"));
  EXPECT_THAT(Changes(before, before, {"spec.ports[y].guest"}),
              ElementsAre("spec.ports[y].guest: + -> ?"));
  EXPECT_THAT(Changes(before, before, {"spec.ports[x]"}),
              ElementsAre("spec.ports[x]: {\"guest\":1} -> ?"));
  EXPECT_THAT(Changes(before, before, {"metadata.labels[team]"}),
              ElementsAre("metadata.labels[team]: + -> ?"));
  EXPECT_THAT(Changes(Make("ImageCache", R"({"images":["a"]})"),
                      Make("ImageCache", R"({"images":["a"]})"), {"spec.images[0]"}),
              ElementsAre("spec.images: [\"a\"] -> ?"));
  EXPECT_THAT(Changes(Make("VmPool", R"({"template":{"image":"a"}})"),
                      Make("VmPool", R"({"replicas":1})"), {"spec.template"}),
              ElementsAre("spec.replicas: + -> 1", "spec.template: {\"image\":\"a\"} -> ?"));
}

TEST(DiffTest, AnObjectThatIsNotThereHasNoFields) {
  const Resource vm = Make("Vm", R"({"image":"a"})");
  EXPECT_THAT(Changes(Resource(), vm), ElementsAre("spec.image: + -> \"a\" !"));
  EXPECT_THAT(Changes(vm, Resource()), ElementsAre("spec.image: \"a\" -> - !"));
}

TEST(DiffTest, EveryRandomChangeIsSeenByDiffAndHashAlike) {
  Random random(10);
  int differing = 0;
  for (const KindInfo& kind : AllKinds()) {
    for (int i = 0; i < 50; ++i) {
      const Resource a = RandomResource(kind.kind, random);
      const Resource b = RandomResource(kind.kind, random);
      const bool same = Diff(a, b).empty();
      EXPECT_EQ(same, SpecHash(a) == SpecHash(b)) << ToJson(a, Indent::kNone) << "\n"
                                                  << ToJson(b, Indent::kNone);
      differing += same ? 0 : 1;
    }
  }
  EXPECT_GT(differing, 100);
}

TEST(SpecHashTest, CoversWhatIsDeclaredAndNothingElse) {
  Resource vm = Make("Vm", R"({"image":"a","host_labels":{"a":"1","b":"2"}})");
  const std::string hash = SpecHash(vm);
  EXPECT_EQ(hash.size(), 64u);
  Resource other = Make("Vm", R"({"host_labels":{"b":"2","a":"1"},"image":"a"})");
  other.mutable_metadata()->set_uid("u");
  other.mutable_metadata()->set_revision(9);
  other.mutable_vm()->mutable_status()->mutable_placement()->set_host("h");
  EXPECT_EQ(SpecHash(other), hash);
  (*other.mutable_metadata()->mutable_labels())["x"] = "y";
  EXPECT_NE(SpecHash(other), hash);
}

}  // namespace
}  // namespace espalier
