#include "engine/model/validate.h"

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "engine/model/codec.h"
#include "engine/model/diff.h"
#include "engine/model/testing/deprecated_fields.h"
#include "engine/model/testing/random_resource.h"
#include "engine/model/testing/read.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Check(const Resource& resource,
                               const std::vector<std::string>& unknown = {}) {
  Problems problems;
  Validate(resource, unknown, problems);
  return Lines(problems);
}

TEST(ValidateTest, AppliesTheRulesOfEachField) {
  struct Case {
    std::string kind;
    std::string spec;
    std::vector<std::string> problems;
  };
  const std::string digest(64, 'a');
  const Case cases[] = {
      // required
      {"Vm", "{}", {"error: spec.image: is required"}},
      {"Vm", R"({"image":"sonoma"})", {}},
      {"Vm",
       R"({"image":"sonoma","ports":{"http":{}}})",
       {"error: spec.ports[http].guest: is required"}},
      {"ImageCache", R"({"all_hosts":true})", {"error: spec.images: is required"}},
      // numbers
      {"Vm", R"({"image":"a","cpu":0})", {"error: spec.cpu: is 0, must be at least 1"}},
      {"Vm", R"({"image":"a","cpu":1})", {}},
      {"Vm", R"({"image":"a","cpu":128})", {}},
      {"Vm", R"({"image":"a","cpu":129})", {"error: spec.cpu: is 129, must be at most 128"}},
      {"Vm",
       R"({"image":"a","ports":{"x":{"guest":65536}}})",
       {"error: spec.ports[x].guest: is 65536, must be at most 65535"}},
      {"VmPool",
       R"({"replicas":1,"template":{"image":"a","cpu":0}})",
       {"error: spec.template.cpu: is 0, must be at least 1"}},
      {"Host", R"({"macos_slots":3})", {"error: spec.macos_slots: is 3, must be at most 2"}},
      {"Cluster",
       R"({"destruction_budget":{"percent":101}})",
       {"error: spec.destruction_budget.percent: is 101, must be at most 100"}},
      // strings
      {"Vm", R"({"image":""})", {"error: spec.image: must not be empty"}},
      {"Image", R"({"reference":"r/"})", {"error: spec.reference: must have at least 3 bytes"}},
      {"Namespace", absl::StrCat("{\"description\":\"", std::string(1024, 'x'), "\"}"), {}},
      {"Namespace",
       absl::StrCat("{\"description\":\"", std::string(1025, 'x'), "\"}"),
       {"error: spec.description: has 1025 bytes, at most 1024 are allowed"}},
      // patterns
      {"Image", absl::StrCat(R"({"reference":"r.example/a","digest":"sha256:)", digest, "\"}"), {}},
      {"Image",
       R"({"reference":"r.example/a","digest":"sha256:12"})",
       {"error: spec.digest: is \"sha256:12\", must match sha256:[0-9a-f]{64}"}},
      {"Vm",
       R"({"image":"a","ports":{"9":{"guest":1}}})",
       {"error: spec.ports[9]: the key must match [a-z][a-z0-9_-]{0,30}"}},
      {"Vm",
       R"({"image":"a","host_labels":{"":"x"}})",
       {"error: spec.host_labels[]: a key must not be empty"}},
      // references
      {"Vm", R"({"image":"r.example/macos/sonoma:14.6"})", {}},
      {"Vm",
       R"({"image":"r.example/Sonoma"})",
       {"error: spec.image: is \"r.example/Sonoma\", which is no OCI reference such as "
        "registry.example/macos/sonoma:14.6"}},
      {"ImageCache",
       R"({"images":["a","r/b","C"],"all_hosts":true})",
       {"error: spec.images[2]: is \"C\", must be a name: lower-case letters, digits and -, "
        "beginning and ending with a letter or digit, at most 63 bytes"}},
      {"ImageCache",
       R"({"images":["a"],"hosts":["r/b"]})",
       {"error: spec.hosts[0]: is \"r/b\", must be a name: lower-case letters, digits and -, "
        "beginning and ending with a letter or digit, at most 63 bytes"}},
      // exactly one
      {"ImageCache",
       R"({"images":["a"]})",
       {"error: spec: exactly one of hosts, host_labels, all_hosts is required"}},
      {"ImageCache",
       R"({"images":["a"],"hosts":["h"],"all_hosts":true})",
       {"error: spec.all_hosts: only one of hosts, host_labels, all_hosts may be given, hosts is "
        "given as well"}},
      {"VmPool", R"({"template":{"image":"a"}})", {"error: spec: replicas is required"}},
      {"RegistryCredential",
       R"({"registry":"r","username":"u","password":{}})",
       {"error: spec.password: exactly one of file, env, value is required"}},
      {"RegistryCredential",
       R"({"registry":"r","username":"u","password":{"env":"A","value":"hush"}})",
       {"error: spec.password.value: only one of file, env, value may be given, env is given as "
        "well"}},
      {"RegistryCredential",
       R"({"registry":"r","username":"u","password":{"value":""}})",
       {"error: spec.password.value: must not be empty"}},
      {"RegistryCredential",
       R"({"registry":"r","username":"u","password":{"sealed":"made up"}})",
       {"error: spec.password.sealed: is \"made up\", must match [0-9a-f]{32}"}},
      {"RegistryCredential",
       R"({"registry":"r","username":"u","password":{"file":"../x"}})",
       {"error: spec.password.file: is \"../x\", must match "
        "[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*"}},
      // all of them
      {"Vm",
       R"({"cpu":0,"memory_mib":1})",
       {"error: spec.image: is required", "error: spec.cpu: is 0, must be at least 1",
        "error: spec.memory_mib: is 1, must be at least 128"}},
  };
  for (const Case& test : cases) {
    Resource resource = Make(test.kind, test.spec);
    if (test.kind == "Cluster") resource.mutable_metadata()->set_name("default");
    EXPECT_EQ(Check(resource), test.problems) << test.kind << " " << test.spec;
  }
}

TEST(ValidateTest, CountsEntries) {
  std::string labels;
  for (int i = 0; i < 17; ++i) absl::StrAppend(&labels, i == 0 ? "" : ",", "\"k", i, "\":\"v\"");
  EXPECT_THAT(Check(Make("Vm", absl::StrCat(R"({"image":"a","host_labels":{)", labels, "}}"))),
              ElementsAre("error: spec.host_labels: has 17 entries, at most 16 are allowed"));
  std::string images = "\"a\"";
  for (int i = 0; i < 100; ++i) absl::StrAppend(&images, ",\"a\"");
  EXPECT_THAT(
      Check(Make("ImageCache", absl::StrCat(R"({"all_hosts":true,"images":[)", images, "]}"))),
      ElementsAre("error: spec.images: has 101 entries, at most 100 are allowed"));
}

TEST(ValidateTest, ChecksMetadata) {
  Resource vm = Make("Vm", R"({"image":"a"})");
  v1::Metadata& metadata = *vm.mutable_metadata();
  metadata.set_name("");
  EXPECT_THAT(Check(vm), ElementsAre("error: metadata.name: is required"));
  metadata.set_name("Build");
  EXPECT_THAT(Check(vm), ElementsAre(HasSubstr("metadata.name: is \"Build\", must be a name")));
  metadata.set_name("build");
  metadata.set_namespace_("a.b");
  EXPECT_THAT(Check(vm), ElementsAre(HasSubstr("metadata.namespace: is \"a.b\", must be a name")));
  metadata.clear_namespace_();
  (*metadata.mutable_labels())["-x"] = "y";
  (*metadata.mutable_labels())["team/mac.ios_1"] = std::string(limits::kLabelBytes, 'y');
  (*metadata.mutable_labels())["zone"] = std::string(limits::kLabelBytes + 1, 'y');
  (*metadata.mutable_annotations())["note"] = std::string(limits::kAnnotationBytes, 'y');
  EXPECT_THAT(Check(vm),
              ElementsAre(HasSubstr("metadata.labels[-x]: the key must be letters"),
                          "error: metadata.labels[zone]: has 257 bytes, at most 256 are allowed"));
  metadata.clear_labels();
  for (std::size_t i = 0; i <= limits::kLabels; ++i) {
    (*metadata.mutable_labels())[absl::StrCat("k", i)] = "";
  }
  EXPECT_THAT(Check(vm),
              ElementsAre("error: metadata.labels: has 65 entries, at most 64 are allowed"));
}

TEST(ValidateTest, KindsOfTheClusterHaveNoNamespace) {
  Resource image = Make("Image", R"({"reference":"r.example/a"})");
  image.mutable_metadata()->set_namespace_("default");
  EXPECT_THAT(Check(image), ElementsAre("error: metadata.namespace: Image has no namespace; leave "
                                        "the field out"));
}

TEST(ValidateTest, OnlyTheBuiltinClusterMayExist) {
  Resource cluster = Make("Cluster", "{}");
  EXPECT_THAT(Check(cluster),
              ElementsAre("error: metadata.name: is \"it\", the only cluster is default"));
  cluster.mutable_metadata()->set_name("default");
  EXPECT_THAT(Check(cluster), IsEmpty());
  // A namespace has a builtin one as well, and others.
  EXPECT_THAT(Check(Make("Namespace", "{}")), IsEmpty());
}

TEST(ValidateTest, RefusesEnumsThatHaveNoName) {
  Resource vm = Make("Vm", R"({"image":"a"})");
  vm.mutable_vm()->mutable_spec()->set_power(v1::VmSpec::POWER_UNSPECIFIED);
  EXPECT_THAT(Check(vm), ElementsAre("error: spec.power: must be one of on, off"));
  vm.mutable_vm()->mutable_spec()->set_power(static_cast<v1::VmSpec::Power>(7));
  EXPECT_THAT(Check(vm), ElementsAre("error: spec.power: must be one of on, off"));
}

TEST(ValidateTest, RefusesObjectsAboveTheLimit) {
  Resource vm = Make("Vm", R"({"image":"a"})");
  (*vm.mutable_vm()->mutable_spec()->mutable_guest_metadata())["x"] =
      std::string(limits::kObjectBytes, 'x');
  EXPECT_THAT(Check(vm), ElementsAre(HasSubstr("error: spec: has 262")));
}

TEST(ValidateTest, WhatIsNotKnownYetCountsAsPresentAndValid) {
  EXPECT_THAT(Check(Make("Vm", "{}"), {"spec.image"}), IsEmpty());
  EXPECT_THAT(Check(Make("VmPool", R"({"replicas":1})"), {"spec.template"}), IsEmpty());
  EXPECT_THAT(Check(Make("VmPool", R"({"template":{"image":"a"}})"), {"spec.replicas"}), IsEmpty());
  EXPECT_THAT(Check(Make("ImageCache", R"({"all_hosts":true})"), {"spec.images[0]"}), IsEmpty());
  EXPECT_THAT(Check(Make("Vm", R"({"image":"a","ports":{"x":{}}})"), {"spec.ports[x].guest"}),
              IsEmpty());
  // It may turn out to be null.
  EXPECT_THAT(Check(Make("ImageCache", R"({"images":["a"],"hosts":["h"]})"), {"spec.all_hosts"}),
              IsEmpty());
  // A name that only begins the same way is another field.
  EXPECT_THAT(Check(Make("Vm", "{}"), {"spec.image_x"}),
              ElementsAre("error: spec.image: is required"));
}

TEST(ValidateTest, WarnsOfDeprecatedFieldsThatAreThere) {
  const auto check = [](const char* text, const std::vector<std::string>& unknown) {
    Problems problems;
    ValidateFields(*MakeMachine(text), "spec", unknown, problems);
    EXPECT_FALSE(problems.HasErrors());
    for (const Problem& problem : problems.list()) EXPECT_EQ(problem.code(), "deprecated_field");
    return Lines(problems);
  };
  EXPECT_THAT(check("cpu: 4 ports { key: 'http' value { guest: 80 } }", {}), IsEmpty());
  EXPECT_THAT(check("cpus: 0 tags: 'a' tags: 'b' notes { key: 'k' value: 'v' } disk {} "
                    "ports { key: 'http' value { inside: 80 } }",
                    {}),
              ElementsAre("warning: spec.cpus: is deprecated", "warning: spec.tags: is deprecated",
                          "warning: spec.notes: is deprecated", "warning: spec.disk: is deprecated",
                          "warning: spec.ports[http].inside: is deprecated"));
  // What is not known yet may turn out to be left out.
  EXPECT_THAT(check("cpus: 4", {"spec.cpus"}), IsEmpty());
}

TEST(ValidateTest, ProblemsNameTheObject) {
  Problems problems;
  Validate(Make("Vm", "{}"), {}, problems);
  ASSERT_EQ(problems.list().size(), 1u);
  EXPECT_EQ(problems.list()[0].ref().kind(), "vm");
  EXPECT_EQ(problems.list()[0].ref().namespace_(), "default");
  EXPECT_EQ(problems.list()[0].ref().name(), "it");
  EXPECT_EQ(problems.list()[0].code(), "missing_field");
}

TEST(ValidateTest, AnObjectWithoutKindIsRefused) {
  EXPECT_THAT(Check(Resource()), ElementsAre("error: kind: is required"));
}

TEST(ValidateTest, TakesEveryObjectWithinTheRules) {
  Random random(7);
  for (const KindInfo& kind : AllKinds()) {
    for (int i = 0; i < 50; ++i) {
      Resource resource = RandomResource(kind.kind, random);
      EXPECT_THAT(Check(resource), IsEmpty()) << ToJson(resource, Indent::kTwo);
      ApplyDefaults(resource);
      EXPECT_THAT(Check(resource), IsEmpty()) << ToJson(resource, Indent::kTwo);
    }
  }
}

TEST(DefaultsTest, FillInWhatIsAbsentAndNothingElse) {
  Resource vm = Make("Vm", R"({"image":"a","cpu":8})");
  ApplyDefaults(vm);
  EXPECT_EQ(vm.metadata().namespace_(), "default");
  const v1::VmSpec& spec = vm.vm().spec();
  EXPECT_EQ(spec.cpu(), 8u);
  EXPECT_EQ(spec.memory_mib(), 4096u);
  EXPECT_TRUE(spec.has_disk_gib());
  EXPECT_EQ(spec.power(), v1::VmSpec::ON);
  EXPECT_EQ(spec.restart(), v1::VmSpec::ON_FAILURE);
  EXPECT_FALSE(spec.has_host());
}

TEST(DefaultsTest, ReachMessagesThatAreThere) {
  Resource pool = Make("VmPool", R"({"replicas":0,"template":{"image":"a"}})");
  ApplyDefaults(pool);
  EXPECT_EQ(pool.vm_pool().spec().template_().cpu(), 3u);
  EXPECT_EQ(pool.vm_pool().spec().max_unavailable(), 1u);
  Resource cluster = Make("Cluster", "{}");
  ApplyDefaults(cluster);
  EXPECT_FALSE(cluster.cluster().spec().has_destruction_budget());
  EXPECT_EQ(cluster.metadata().namespace_(), "");
  cluster = Make("Cluster", R"({"destruction_budget":{"percent":0}})");
  ApplyDefaults(cluster);
  EXPECT_EQ(cluster.cluster().spec().destruction_budget().percent(), 0u);
  EXPECT_EQ(cluster.cluster().spec().destruction_budget().objects(), 3u);
}

TEST(DefaultsTest, ChangeNothingTheSecondTime) {
  Random random(8);
  for (const KindInfo& kind : AllKinds()) {
    Resource once = RandomResource(kind.kind, random);
    ApplyDefaults(once);
    Resource twice = once;
    ApplyDefaults(twice);
    EXPECT_EQ(SpecHash(once), SpecHash(twice));
  }
}

}  // namespace
}  // namespace espalier
