#include "engine/model/codec.h"

#include "engine/model/access.h"
#include "engine/model/field.h"
#include "engine/model/validate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Lines(const Problems& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems.list()) lines.push_back(ToString(problem));
  return lines;
}

std::optional<Resource> Read(absl::string_view json, Problems& problems) {
  const std::optional<Node> node = ParseJson(json, "in.json", problems);
  return node.has_value() ? Decode(*node, "in.json", problems) : std::nullopt;
}

constexpr char kVm[] =
    R"({"apiVersion":"espalier/v1","kind":"Vm",)"
    R"("metadata":{"name":"build","namespace":"ci","labels":{"team":"ios"}},)"
    R"("spec":{"image":"r.example/macos/sonoma:14.6","cpu":4,"ports":{"http":{"guest":80}},)"
    R"("power":"on","ttl_seconds":0}})";

TEST(CodecTest, WritesWhatItReads) {
  Problems problems;
  const std::optional<Resource> vm = Read(kVm, problems);
  ASSERT_THAT(Lines(problems), IsEmpty());
  ASSERT_TRUE(vm.has_value());
  EXPECT_EQ(ToJson(*vm, Indent::kNone), kVm);
}

TEST(CodecTest, WritesYamlInBlockStyle) {
  Problems problems;
  const std::optional<Resource> vm = Read(kVm, problems);
  ASSERT_TRUE(vm.has_value());
  EXPECT_EQ(ToYaml(*vm),
            "apiVersion: espalier/v1\n"
            "kind: Vm\n"
            "metadata:\n"
            "  name: build\n"
            "  namespace: ci\n"
            "  labels:\n"
            "    team: ios\n"
            "spec:\n"
            "  image: r.example/macos/sonoma:14.6\n"
            "  cpu: 4\n"
            "  ports:\n"
            "    http:\n"
            "      guest: 80\n"
            "  power: \"on\"\n"
            "  ttl_seconds: 0\n");
}

TEST(CodecTest, NamesTheNearestFieldAndThePlace) {
  Problems problems;
  EXPECT_FALSE(
      Read("{\"apiVersion\":\"espalier/v1\",\"kind\":\"Vm\",\n\"metadata\":{\"name\":\"a\"},"
           "\n\"spec\":{\"image\":\"x\",\n  \"cpus\": 4}}",
           problems)
          .has_value());
  EXPECT_THAT(
      Lines(problems),
      ElementsAre("in.json:4:3: error: vm default/a: spec.cpus: there is no field \"cpus\" here; "
                  "did you mean \"cpu\"?"));
}

}  // namespace
}  // namespace espalier
