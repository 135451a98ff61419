#include "engine/model/codec.h"

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/model/access.h"
#include "engine/model/diff.h"
#include "engine/model/testing/random_resource.h"
#include "engine/model/testing/read.h"
#include "engine/model/writer.h"
#include "espalier/v1/resources_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::optional<Resource> Read(absl::string_view json, Problems& problems) {
  const std::optional<Node> node = ParseJson(json, "in.json", problems);
  return node.has_value() ? Decode(*node, "in.json", problems) : std::nullopt;
}

// The problems of a document of the kind with that spec.
std::vector<std::string> ProblemsOfSpec(const std::string& kind, const std::string& spec) {
  Problems problems;
  const std::string json = absl::StrCat(R"({"apiVersion":"espalier/v1","kind":")", kind,
                                        R"(","metadata":{"name":"it"},"spec":)", spec, "}");
  EXPECT_FALSE(Read(json, problems).has_value());
  std::vector<std::string> lines;
  for (Problem problem : problems.list()) {
    EXPECT_EQ(problem.file(), "in.json");
    EXPECT_GT(problem.line(), 0);
    EXPECT_GT(problem.column(), 0);
    problem.clear_file();
    problem.clear_ref();
    lines.push_back(ToString(problem));
  }
  return lines;
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

TEST(CodecTest, RoundTripsEveryObject) {
  Random random(1);
  for (const KindInfo& kind : AllKinds()) {
    for (int i = 0; i < 100; ++i) {
      const Resource resource = RandomResource(kind.kind, random);
      for (const Indent indent : {Indent::kNone, Indent::kTwo}) {
        Problems problems;
        const std::string json = ToJson(resource, indent);
        const std::optional<Resource> back = Read(json, problems);
        ASSERT_TRUE(back.has_value()) << json << ::testing::PrintToString(Lines(problems));
        EXPECT_EQ(ToJson(*back, indent), json);
        EXPECT_EQ(back->SerializeAsString().size(), resource.SerializeAsString().size());
      }
    }
  }
}

TEST(CodecTest, ReadsASecretAndNeverWritesIt) {
  const Resource credential =
      Make("RegistryCredential",
           R"({"registry":"r.example","username":"u","password":{"value":"hush"}})");
  EXPECT_EQ(credential.registry_credential().spec().password().value(), "hush");
  EXPECT_THAT(ToJson(credential, Indent::kNone), Not(HasSubstr("hush")));
  EXPECT_THAT(ToYaml(credential), Not(HasSubstr("hush")));
  v1::ApplyResult result;
  *result.add_objects() = credential;
  EXPECT_THAT(MessageToJson(result, Indent::kTwo), Not(HasSubstr("hush")));
}

// Whoever forgets the quotes is told so, but not shown what was written.
TEST(CodecTest, KeepsASecretOutOfProblems) {
  for (const char* value : {"4711", "true", "[4711]", "{\"a\":4711}"}) {
    const std::vector<std::string> lines =
        ProblemsOfSpec("RegistryCredential", absl::StrCat(R"({"password":{"value":)", value, "}}"));
    ASSERT_EQ(lines.size(), 1u) << value;
    EXPECT_THAT(lines[0], HasSubstr("spec.password.value: must be a string")) << value;
    EXPECT_THAT(lines[0], Not(HasSubstr("4711"))) << value;
  }
}

// People feed back what `get -o json` printed.
TEST(CodecTest, IgnoresWhatOnlyTheEngineWrites) {
  Random random(2);
  for (const KindInfo& kind : AllKinds()) {
    const Resource declared = RandomResource(kind.kind, random);
    Resource stored = declared;
    FillStatus(stored, random);
    v1::Metadata& metadata = *stored.mutable_metadata();
    metadata.set_uid("0123");
    metadata.set_revision(12);
    metadata.set_generation(3);
    metadata.mutable_created_at()->set_seconds(1738324800);
    metadata.mutable_owner()->set_manager(v1::Owner::GIT);
    metadata.mutable_edited()->set_declared_json("{}");
    (*metadata.mutable_holds())["cordon"].set_by("ana");
    Problems problems;
    const std::optional<Resource> back = Read(ToJson(stored, Indent::kTwo), problems);
    ASSERT_TRUE(back.has_value()) << ::testing::PrintToString(Lines(problems));
    EXPECT_EQ(ToJson(*back, Indent::kTwo), ToJson(declared, Indent::kTwo));
  }
}

TEST(CodecTest, NamesTheNearestFieldAndThePlace) {
  Problems problems;
  EXPECT_FALSE(Read("{\"apiVersion\":\"espalier/v1\",\"kind\":\"Vm\",\n"
                    "\"metadata\":{\"name\":\"a\"},\n\"spec\":{\"image\":\"x\",\n  \"cpus\": 4}}",
                    problems)
                   .has_value());
  ASSERT_EQ(problems.list().size(), 1u);
  EXPECT_EQ(ToString(problems.list()[0]),
            "in.json:4:3: error: vm default/a: spec.cpus: there is no field \"cpus\" here; "
            "did you mean \"cpu\"?");
  EXPECT_EQ(problems.list()[0].code(), "unknown_field");
}

TEST(CodecTest, RefusesWhatDoesNotFitAField) {
  struct Case {
    const char* kind;
    const char* spec;
    const char* problem;
  };
  const Case cases[] = {
      {"Vm", R"({"cpu":"4"})", "spec.cpu: must be a number, is a string"},
      {"Vm", R"({"cpu":true})", "spec.cpu: must be a number, is true or false"},
      {"Vm", R"({"cpu":null})", "spec.cpu: has no value; leave the field out"},
      {"Vm", R"({"cpu":[4]})", "spec.cpu: must be a number, is a list"},
      {"Vm", R"({"cpu":1.5})", "spec.cpu: must be a whole number up to 2^53, is 1.5"},
      {"Vm", R"({"cpu":-1})", "spec.cpu: must be between 0 and 4294967295"},
      {"Vm", R"({"cpu":4294967296})", "spec.cpu: must be between 0 and 4294967295"},
      {"Vm", R"({"image":14})",
       "spec.image: must be a string, is a number; write \"14\" in quotes"},
      {"Vm", R"({"image":true})",
       "spec.image: must be a string, is true or false; write \"true\" in quotes"},
      {"Vm", R"({"image":{}})", "spec.image: must be a string, is a map"},
      {"Vm", R"({"power":"ON"})",
       "spec.power: must be one of on, off; is \"ON\", did you mean on?"},
      {"Vm", R"({"power":"unspecified"})",
       "spec.power: must be one of on, off; is \"unspecified\""},
      {"Vm", R"({"power":true})",
       "spec.power: must be a string, is true or false; write \"true\" in quotes"},
      {"Vm", R"({"ports":[]})", "spec.ports: must be a map"},
      {"Vm", R"({"ports":{}})", "spec.ports: is empty; leave the field out"},
      {"Vm", R"({"ports":{"http":80}})", "spec.ports[http]: must be a map of fields"},
      {"Vm", R"({"ports":{"http":{"port":80}}})",
       "spec.ports[http].port: there is no field \"port\" here; known are guest"},
      {"Vm", R"({"host_labels":{"zone":1}})",
       "spec.host_labels[zone]: must be a string, is a number; write \"1\" in quotes"},
      {"Vm", R"({"memory":1})",
       "spec.memory: there is no field \"memory\" here; did you mean \"memory_mib\"?"},
      {"Vm", "[]", "spec: must be a map of fields"},
      {"ImageCache", R"({"images":"a"})", "spec.images: must be a list"},
      {"ImageCache", R"({"images":[]})", "spec.images: is empty; leave the field out"},
      {"ImageCache", R"({"images":["a",2]})",
       "spec.images[1]: must be a string, is a number; write \"2\" in quotes"},
      {"ImageCache", R"({"all_hosts":"true"})",
       "spec.all_hosts: must be true or false, is a string"},
      {"ImageCache", R"({"all_hosts":1})", "spec.all_hosts: must be true or false, is a number"},
      {"VmPool", R"({"template":{"cpu":"x"}})", "spec.template.cpu: must be a number, is a string"},
      {"VmPool", R"({"template":4})", "spec.template: must be a map of fields"},
  };
  for (const Case& test : cases) {
    const std::vector<std::string> lines = ProblemsOfSpec(test.kind, test.spec);
    ASSERT_EQ(lines.size(), 1u) << test.spec;
    EXPECT_THAT(lines[0], HasSubstr(absl::StrCat("error: ", test.problem))) << test.spec;
  }
}

TEST(CodecTest, CollectsAllProblems) {
  EXPECT_EQ(ProblemsOfSpec("Vm", R"({"cpu":"x","imag":"y","power":"up","ports":{}})").size(), 4u);
}

TEST(CodecTest, ChecksTheFrameOfADocument) {
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"[]", {"in.json:1:1: error: must be a map with apiVersion, kind, metadata and spec"}},
      {"{}",
       {"in.json:1:1: error: apiVersion: is required: espalier/v1",
        "in.json:1:1: error: kind: is required"}},
      {R"({"apiVersion":"v1","kind":"Host"})",
       {"in.json:1:15: error: apiVersion: must be espalier/v1"}},
      {R"({"apiVersion":"espalier/v1","kind":"vm"})",
       {"in.json:1:36: error: kind: there is no kind \"vm\"; did you mean Vm?"}},
      {R"({"apiVersion":"espalier/v1","kind":"node"})",
       {"in.json:1:36: error: kind: there is no kind \"node\"; did you mean Host?"}},
      {R"({"apiVersion":"espalier/v1","kind":"Host","metdata":{}})",
       {"in.json:1:43: error: metdata: there is no field \"metdata\" here; did you mean "
        "\"metadata\"?"}},
      {R"({"apiVersion":"espalier/v1","kind":"Host","metadata":{"nam":"a"}})",
       {"in.json:1:55: error: metadata.nam: there is no field \"nam\" here; did you mean "
        "\"name\"?"}},
      {R"({"apiVersion":"espalier/v1","kind":"Host","metadata":{"revision":"1"}})",
       {"in.json:1:66: error: metadata.revision: must be a number, is a string"}}};
  for (const auto& [json, expected] : cases) {
    Problems problems;
    EXPECT_FALSE(Read(json, problems).has_value()) << json;
    std::vector<std::string> lines;
    for (const Problem& problem : problems.list()) lines.push_back(ToString(problem));
    EXPECT_EQ(lines, expected) << json;
  }
}

TEST(CodecTest, AnAbsentSpecIsAnEmptyOne) {
  Problems problems;
  const std::optional<Resource> host =
      Read(R"({"apiVersion":"espalier/v1","kind":"Host","metadata":{"name":"a"},"spec":null})",
           problems);
  ASSERT_TRUE(host.has_value());
  EXPECT_EQ(ToJson(*host, Indent::kNone),
            R"({"apiVersion":"espalier/v1","kind":"Host","metadata":{"name":"a"},"spec":{}})");
}

TEST(CodecTest, ProblemsOfOneDocumentDoNotSpoilTheNext) {
  Problems problems;
  EXPECT_FALSE(Read("[]", problems).has_value());
  EXPECT_TRUE(Read(kVm, problems).has_value());
}

TEST(CodecTest, ReadsAMessageAlone) {
  Problems problems;
  const std::optional<Node> node = ParseJson(R"({"image":"a","cpu":4})", "", problems);
  v1::VmSpec spec;
  DecodeMessage(*node, "", "", spec, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(spec.cpu(), 4u);
  const std::optional<Node> bad = ParseJson(R"({"cpus":4})", "", problems);
  DecodeMessage(*bad, "template", "", spec, problems);
  ASSERT_EQ(problems.list().size(), 1u);
  EXPECT_EQ(problems.list()[0].path(), "template.cpus");
}

TEST(CodecTest, WritesTimesAndStatus) {
  Resource vm = Make("Vm", R"({"image":"a"})");
  v1::VmStatus& status = *vm.mutable_vm()->mutable_status();
  status.mutable_placement()->set_phase(v1::VmPlacement::RUNNING);
  status.mutable_placement()->set_attempt(9007199254740992);
  status.mutable_placement()->mutable_since()->set_seconds(1738324800);
  status.mutable_placement()->mutable_since()->set_nanos(250000000);
  EXPECT_THAT(ToJson(vm, Indent::kNone),
              HasSubstr(R"("status":{"placement":{"phase":"running","attempt":9007199254740992,)"
                        R"("since":"2025-01-31T12:00:00.25Z"}})"));
  EXPECT_THAT(ToJson(vm, Indent::kNone, /*with_status=*/false),
              ::testing::Not(HasSubstr("\"status\"")));
}

TEST(CodecTest, WritesAnswersWithTheirListsAndCounts) {
  v1::ListPage page;
  EXPECT_EQ(MessageToJson(page, Indent::kNone), R"({"items":[],"revision":0})");
  page.set_revision(7);
  page.set_next_page("x");
  *page.add_items() = Make("Host", "{}");
  EXPECT_EQ(MessageToJson(page, Indent::kNone),
            R"({"items":[{"apiVersion":"espalier/v1","kind":"Host","metadata":{"name":"it"},)"
            R"("spec":{}}],"revision":7,"next_page":"x"})");
  v1::Plan plan;
  v1::Action& action = *plan.add_actions();
  action.set_verb(v1::Action::REPLACE);
  action.mutable_ref()->set_kind("vm");
  v1::FieldChange& change = *action.add_changes();
  change.set_path("spec.cpu");
  change.set_after("4");
  change.set_forces_replace(true);
  EXPECT_THAT(MessageToJson(plan, Indent::kNone),
              HasSubstr(R"({"actions":[{"verb":"replace","ref":{"kind":"vm"},"changes":[{"path":)"
                        R"("spec.cpu","after":"4","forces_replace":true}]}],"revision":0,)"));
}

TEST(JsonWriterTest, EscapesAndMendsText) {
  std::string out;
  AppendJsonString(absl::string_view("a\"\\\n\t\x01\x7f\xff\xc3\xa9\0", 11), out);
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\t\\u0001\\u007f\xef\xbf\xbd\xc3\xa9\\u0000\"");
}

TEST(YamlWriterTest, WritesBlockStyle) {
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
  EXPECT_EQ(ToYaml(Make("Host", "{}")),
            "apiVersion: espalier/v1\nkind: Host\nmetadata:\n  name: it\nspec: {}\n");
}

TEST(YamlWriterTest, WritesListsAndMapsInThem) {
  std::string out;
  const std::unique_ptr<DocumentWriter> writer = MakeYamlWriter(out);
  writer->BeginMap();
  writer->Key("list");
  writer->BeginList();
  writer->String("a");
  writer->BeginMap();
  writer->Member("x", "1");
  writer->Key("v");
  writer->BeginList();
  writer->EndList();
  writer->Key("z");
  writer->BeginMap();
  writer->Key("w");
  writer->Bool(true);
  writer->EndMap();
  writer->EndMap();
  writer->BeginList();
  writer->Literal("1");
  writer->Literal("2");
  writer->EndList();
  writer->BeginMap();
  writer->EndMap();
  writer->EndList();
  writer->EndMap();
  EXPECT_EQ(out,
            "list:\n"
            "- a\n"
            "- x: \"1\"\n"
            "  v: []\n"
            "  z:\n"
            "    w: true\n"
            "- - 1\n"
            "  - 2\n"
            "- {}\n");
}

TEST(YamlWriterTest, QuotesWhatReadersWouldTakeForSomethingElse) {
  const auto yaml = [](const char* text) {
    std::string out;
    MakeYamlWriter(out)->String(text);
    return out;
  };
  for (const char* text : {"plain", "two words", "a/b:c", "e.g. this, that", "key=value"}) {
    EXPECT_EQ(yaml(text), absl::StrCat(text, "\n"));
  }
  for (const char* text :
       {"",   "on",  "No",   "NULL", "true",     "y",          "12", "1.5",       "0x1f", ".inf",
        "-",  "- a", "a: b", "a:",   "#a",       "&a",         "*a", "!a",        "[a",   "{a",
        "@a", " a",  "a ",   "~",    "12:30:45", "2025-01-31", "=",  "caf\u00e9", "a #b"}) {
    EXPECT_EQ(yaml(text).front(), '"') << text;
  }
}

}  // namespace
}  // namespace espalier
