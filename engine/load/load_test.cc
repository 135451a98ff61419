#include "engine/load/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/codec.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> Lines(const Problems& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems.list()) lines.push_back(ToString(problem));
  return lines;
}

std::vector<std::string> Sources(const std::vector<LoadedObject>& objects) {
  std::vector<std::string> lines;
  lines.reserve(objects.size());
  for (const LoadedObject& object : objects) {
    lines.push_back(absl::StrCat(ToString(RefOf(object->resource())), " at ", object->source()));
  }
  return lines;
}

constexpr char kImage[] =
    "apiVersion: espalier/v1\n"
    "kind: Image\n"
    "metadata:\n"
    "  name: sonoma\n"
    "spec:\n"
    "  reference: r.example/macos/sonoma:14.6\n";

constexpr char kVm[] =
    "# The build machine.\n"
    "apiVersion: espalier/v1\n"
    "kind: Vm\n"
    "metadata:\n"
    "  name: build\n"
    "  namespace: ci\n"
    "spec:\n"
    "  image: sonoma\n"
    "  ports:\n"
    "    http: {guest: 80}\n";

std::vector<LoadedObject> LoadAll(const std::vector<SourceFile>& files, Problems& problems) {
  std::vector<LoadedObject> objects;
  for (const SourceFile& file : files) {
    for (LoadedObject& object : LoadFile(file, problems)) objects.push_back(std::move(object));
  }
  return Combine(std::move(objects), problems);
}

TEST(LoadTest, ReadsAFleetFromYamlAndJson) {
  Problems problems;
  const auto objects = LoadAll({{"fleet.yaml", absl::StrCat(kImage, "---\n", kVm)},
                                {"host.json",
                                 "{\"apiVersion\": \"espalier/v1\", \"kind\": \"Host\", "
                                 "\"metadata\": {\"name\": \"mac-01\"}}"}},
                               problems);
  EXPECT_THAT(Lines(problems), IsEmpty());
  EXPECT_THAT(Sources(objects),
              ElementsAre("image/sonoma at fleet.yaml:1", "vm/ci/build at fleet.yaml:9",
                          "host/mac-01 at host.json:1"));
  // Defaults are the server's: what is declared stays as it was written.
  EXPECT_FALSE(objects[1]->resource().vm().spec().has_cpu());
  EXPECT_EQ(objects[1]->resource().vm().spec().ports().at("http").guest(), 80u);
}

TEST(LoadTest, SaysWhereWhatIsWrong) {
  const std::string head = "apiVersion: espalier/v1\nkind: Vm\nmetadata:\n  name: build\n";
  const struct {
    std::string name;
    std::string text;
    std::vector<std::string> problems;
  } rows[] = {
      {"unknown field",
       head + "spec:\n  image: a\n  cpus: 4\n",
       {"in.yaml:7:3: error: vm default/build: spec.cpus: there is no field \"cpus\" here; did you "
        "mean \"cpu\"?"}},
      {"wrong types, all of them",
       head + "spec:\n  image: 12\n  cpu: four\n  power: no\n  ports: []\n",
       {"in.yaml:6:10: error: vm default/build: spec.image: must be a string, is a number; write "
        "\"12\" in quotes",
        "in.yaml:7:8: error: vm default/build: spec.cpu: must be a number, is a string",
        "in.yaml:8:10: error: vm default/build: spec.power: must be one of on, off; is \"no\", did "
        "you mean on?",
        "in.yaml:9:10: error: vm default/build: spec.ports: must be a map"}},
      {"a key that stands twice, and what is wrong beside it",
       head + "spec:\n  image: a\n  image: 12\n  cpu: four\n",
       {"in.yaml:7:3: error: the key \"image\" stands twice, in lines 6 and 7",
        "in.yaml:7:10: error: vm default/build: spec.image: must be a string, is a number; write "
        "\"12\" in quotes",
        "in.yaml:8:8: error: vm default/build: spec.cpu: must be a number, is a string"}},
      {"rules, at the value",
       head + "spec:\n  image: a\n  cpu: 500\n  ports:\n    http:\n      guest: 0\n    Web: "
              "{guest: 1}\n",
       {"in.yaml:7:8: error: vm default/build: spec.cpu: is 500, must be at most 128",
        "in.yaml:11:10: error: vm default/build: spec.ports[Web]: the key must match "
        "[a-z][a-z0-9_-]{0,30}",
        "in.yaml:10:14: error: vm default/build: spec.ports[http].guest: is 0, must be at least "
        "1"}},
      {"something is missing",
       head + "spec:\n  cpu: 4\n",
       {"in.yaml:5:1: error: vm default/build: spec.image: is required"}},
      {"the spec is missing",
       head,
       {"in.yaml:1:1: error: vm default/build: spec.image: is required"}},
      {"no kind",
       "apiVersion: espalier/v1\nmetadata: {name: a}\n",
       {"in.yaml:1:1: error: kind: is required"}},
      {"not a map",
       "hello\n",
       {"in.yaml:1:1: error: must be a map with apiVersion, kind, metadata and spec"}},
      {"an object of something else",
       "apiVersion: v1\nkind: Deployment\nmetadata:\n  name: web\n",
       {"in.yaml:1:13: error: apiVersion: must be espalier/v1",
        "in.yaml:2:7: error: kind: there is no kind \"Deployment\"; known are Cluster, Namespace, "
        "Host, Image, ImageCache, Vm, VmPool, GitSource, RegistryCredential"}},
      {"a label",
       "apiVersion: espalier/v1\nkind: Host\nmetadata:\n  name: mac-01\n  labels:\n    -a.b/c: x\n",
       {"in.yaml:6:13: error: host mac-01: metadata.labels[-a.b/c]: the key must be letters, "
        "digits "
        "and ._-/, beginning and ending with a letter or digit, at most 256 bytes"}},
  };
  for (const auto& row : rows) {
    Problems problems;
    LoadFile({"in.yaml", row.text}, problems);
    EXPECT_EQ(Lines(problems), row.problems) << row.name;
  }
}

TEST(LoadTest, KeepsGoodDocumentsBesideBadOnes) {
  Problems problems;
  const auto objects = LoadFile(
      {"in.yaml", absl::StrCat("kind: Vm\n---\n", kImage, "---\n[\n---\n", kVm)}, problems);
  ASSERT_THAT(objects, SizeIs(2));
  EXPECT_EQ(objects[0]->source(), "in.yaml:3");
  EXPECT_EQ(objects[1]->source(), "in.yaml:13");
  EXPECT_TRUE(problems.HasErrors());
}

TEST(LoadTest, RefusesPointersOfGitLfsByName) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\n"
      "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
  for (const char* path : {"fleet.yaml", "fleet.json"}) {
    Problems problems;
    EXPECT_THAT(LoadFile({path, pointer}, problems), IsEmpty());
    ASSERT_THAT(problems.list(), SizeIs(1));
    EXPECT_EQ(problems.list()[0].code(), "lfs_pointer");
    EXPECT_EQ(problems.list()[0].file(), path);
  }
}

TEST(LoadTest, NamesBothPlacesOfAnObjectDeclaredTwice) {
  Problems problems;
  const std::string in_default =
      "apiVersion: espalier/v1\nkind: Vm\nmetadata: {name: build}\nspec: {image: a}\n";
  const std::string explicitly =
      "apiVersion: espalier/v1\nkind: Vm\nmetadata: {name: build, namespace: default}\n"
      "spec: {image: a}\n";
  const auto objects = LoadAll({{"a.yaml", absl::StrCat(kVm, "---\n", in_default)},
                                {"b:2.yaml", absl::StrCat("\n", explicitly)}},
                               problems);
  EXPECT_THAT(Sources(objects),
              ElementsAre("vm/ci/build at a.yaml:2", "vm/default/build at a.yaml:12"));
  EXPECT_THAT(
      Lines(problems),
      ElementsAre("b:2.yaml:2: error: vm default/build: is declared twice, at a.yaml:12 and "
                  "at b:2.yaml:2"));
}

TEST(LoadTest, ReadsBackWhatTheCodecWrites) {
  Problems problems;
  const auto objects = LoadFile({"in.yaml", kVm}, problems);
  ASSERT_THAT(objects, SizeIs(1));
  Resource resource = objects[0]->resource();
  (*resource.mutable_metadata()->mutable_labels())["yes"] = "no";
  (*resource.mutable_metadata()->mutable_labels())["octal"] = "010";
  (*resource.mutable_metadata()->mutable_annotations())["text"] =
      "two\nlines: \"x\" # \xc3\xa9 \xf0\x9f\x98\x80 \t\x01";
  const auto again = LoadFile({"out.yaml", ToYaml(resource)}, problems);
  EXPECT_THAT(Lines(problems), IsEmpty());
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(ToJson(again[0]->resource(), Indent::kTwo), ToJson(resource, Indent::kTwo));
}

TEST(LoadTest, ReadsOnlyNamesOfItsOwn) {
  const struct {
    std::string path;
    bool read;
  } rows[] = {
      {"fleet.yaml", true},      {"a/b/fleet.yml", true}, {"./fleet.json", true},
      {"../x/fleet.YAML", true}, {"fleet.txt", false},    {"yaml", false},
      {".fleet.yaml", false},    {".git/x.yaml", false},  {"a/.b/x.yaml", false},
  };
  for (const auto& row : rows) EXPECT_EQ(IsSourceName(row.path), row.read) << row.path;
}

}  // namespace
}  // namespace espalier
