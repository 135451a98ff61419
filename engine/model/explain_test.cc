#include "engine/model/explain.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/model/codec.h"
#include "engine/model/facts.h"
#include "engine/model/kind.h"
#include "engine/model/message_schema.h"
#include "engine/model/problem_codes.h"
#include "engine/model/reference.h"
#include "engine/model/schema.h"
#include "engine/model/testing/deprecated_fields.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ExplainTest, ExplainsAField) {
  const absl::StatusOr<std::string> text = Explain("vm.spec.memory_mib");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text,
            "vm.spec.memory_mib  <integer>\n"
            "\n"
            "Guest memory. Rounded down to what the host's driver can give.\n"
            "\n"
            "immutable; default 4096; 128 to 786432\n");
}

TEST(ExplainTest, ExplainsValuesAndWhatStandsBelow) {
  EXPECT_THAT(*Explain("vm.power"), HasSubstr("\n  off\n    Is stopped. Its host keeps its disk"));
  EXPECT_THAT(*Explain("vm.ports"), HasSubstr("guest  <integer>\n    Port in the guest.\n"));
}

TEST(ExplainTest, ExplainsTheCodesOfProblems) {
  EXPECT_EQ(*Explain("problem/duplicate_object"),
            "duplicate_object\n"
            "\n"
            "One object is declared twice in one set.\n"
            "\n"
            "Remove one of the declarations; the message names both places.\n"
            "\n"
            "Found by espalier validate, without an engine.\n");
  for (const absl::string_view code : kProblemCodes) {
    EXPECT_TRUE(Explain(absl::StrCat("problem/", code)).ok()) << code;
    EXPECT_THAT(ProblemsPage(), HasSubstr(absl::StrCat("\n## ", code, "\n")));
  }
  EXPECT_THAT(Explain("problem/duplicate_objects").status().message(),
              HasSubstr("did you mean duplicate_object?"));
}

TEST(ExplainTest, TakesEveryWayToNameAField) {
  EXPECT_EQ(*Explain("vm.cpu"), *Explain("Vm.spec.cpu"));
  EXPECT_EQ(*Explain("vms.spec.ports[http].guest"), *Explain("vm.spec.ports.guest"));
  EXPECT_TRUE(Explain("vm.metadata.labels").ok());
  EXPECT_TRUE(Explain("vm.status.placement.phase").ok());
  EXPECT_TRUE(Explain("pool.template.cpu").ok());
}

TEST(ExplainTest, ExplainsEveryKindInNarrowLines) {
  for (const KindInfo& kind : AllKinds()) {
    const absl::StatusOr<std::string> text = Explain(kind.name);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_THAT(*text, HasSubstr("\nspec\n"));
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      const bool is_one_word = line.find_last_of(' ') == line.find_first_not_of(' ') - 1;
      EXPECT_TRUE(line.size() <= 80 || is_one_word || line.find('<') != line.npos) << line;
    }
  }
}

TEST(ExplainTest, NamesTheNearest) {
  const std::pair<const char*, const char*> cases[] = {
      {"wm", "there is no kind \"wm\"; did you mean vm?"},
      {"vm.cpus", "there is no field \"cpus\" in vm.spec; did you mean cpu?"},
      {"vm.cpu.x", "vm.spec.cpu has no fields"},
      {"vm.", "there is no field \"\" in vm.spec; known are image, cpu, memory_mib"},
      {"", "there is no kind \"\"; known are cluster, namespace"}};
  for (const auto& [path, message] : cases) {
    const absl::Status status = Explain(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << path;
  }
}

// Of these the explanations and the pages of the reference are made.
TEST(FactsTest, NoteWhatIsDeprecated) {
  std::vector<std::string> deprecated;
  for (const FieldFacts& facts : FactsOf(MachineWithDeprecatedFields())) {
    if (facts.notes == std::vector<std::string>{"deprecated"}) deprecated.push_back(facts.name);
  }
  EXPECT_THAT(deprecated, ElementsAre("cpus", "tags", "notes", "disk"));
}

TEST(SchemaTest, MarksDeprecatedFields) {
  std::string json;
  SchemaEmitter("#/$defs/", *MakeJsonWriter(Indent::kNone, json))
      .Message(MachineWithDeprecatedFields());
  Problems problems;
  const std::optional<Node> schema = ParseJson(json, "machine", problems);
  ASSERT_TRUE(schema.has_value()) << json;
  std::vector<std::string> deprecated;
  for (const auto& [name, field] : schema->Find("properties")->entries) {
    const Node* mark = field.Find("deprecated");
    if (mark == nullptr) continue;
    EXPECT_EQ(mark->type, Node::Type::kBool);
    EXPECT_EQ(mark->text, "true");
    deprecated.push_back(name);
  }
  EXPECT_THAT(deprecated, ElementsAre("cpus", "tags", "notes", "disk"));
}

// Whether the documents are current and valid is asked by tests of their own, in tools/.
TEST(SchemaTest, IsJsonThatNamesEveryKind) {
  Problems problems;
  const std::string openapi = OpenApiJson();
  ASSERT_LE(openapi.size(), limits::kDocumentBytes);
  const std::optional<Node> document = ParseJson(openapi, "openapi.json", problems);
  ASSERT_TRUE(document.has_value());
  const Node* schemas = document->Find("components")->Find("schemas");
  ASSERT_NE(schemas, nullptr);
  for (const KindInfo& kind : AllKinds()) {
    EXPECT_NE(schemas->Find(kind.title), nullptr) << kind.title;
    const std::optional<Node> schema = ParseJson(JsonSchemaOf(kind), kind.name, problems);
    ASSERT_TRUE(schema.has_value());
    EXPECT_EQ(schema->Find("title")->text, kind.title);
    EXPECT_THAT(ReferenceIndex(), HasSubstr(kind.name + ".md"));
    EXPECT_THAT(ReferencePage(kind), HasSubstr("# " + kind.title));
  }
}

}  // namespace
}  // namespace espalier
