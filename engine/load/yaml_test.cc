#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/limits.h"
#include "engine/load/load.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Repeat(absl::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) absl::StrAppend(&all, text);
  return all;
}

// {a: "x", b: [1, true, null]} with types: strings quoted, the rest as written.
std::string Text(const Node& node) {
  switch (node.type) {
    case Node::Type::kNull:
      return "null";
    case Node::Type::kString:
      return absl::StrCat("\"", node.text, "\"");
    case Node::Type::kBool:
    case Node::Type::kNumber:
      return node.text;
    case Node::Type::kList: {
      std::vector<std::string> items;
      for (const Node& item : node.items) items.push_back(Text(item));
      return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
    }
    case Node::Type::kMap: {
      std::vector<std::string> entries;
      for (const auto& [key, value] : node.entries) {
        entries.push_back(absl::StrCat(key, ": ", Text(value)));
      }
      return absl::StrCat("{", absl::StrJoin(entries, ", "), "}");
    }
  }
  return "?";
}

std::vector<std::string> Texts(const std::vector<Node>& nodes) {
  std::vector<std::string> texts;
  for (const Node& node : nodes) texts.push_back(Text(node));
  return texts;
}

std::vector<std::string> Lines(const Problems& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems.list()) lines.push_back(ToString(problem));
  return lines;
}

TEST(YamlTest, ReadsValuesByTheCoreSchema) {
  Problems problems;
  const auto nodes = ParseYaml(
      "plain: no\n"
      "number: 0x1f\n"
      "truth: True\n"
      "nothing:\n"
      "tilde: ~\n"
      "quoted: \"12\"\n"
      "single: 'true'\n"
      "list: [1, on, [], {}]\n"
      "8080: port\n"
      "text: |\n"
      "  two\n"
      "  lines\n",
      "in.yaml", problems);
  EXPECT_THAT(Lines(problems), IsEmpty());
  EXPECT_THAT(Texts(nodes),
              ElementsAre("{plain: \"no\", number: 0x1f, truth: true, nothing: null, tilde: null, "
                          "quoted: \"12\", single: \"true\", list: [1, \"on\", [], {}], "
                          "8080: \"port\", text: \"two\nlines\n\"}"));
}

TEST(YamlTest, ReadsEveryDocumentAndSkipsEmptyOnes) {
  const struct {
    std::string name;
    std::string text;
    std::vector<std::string> documents;
  } rows[] = {
      {"nothing", "", {}},
      {"comments", "# only\n\n# these\n", {}},
      {"one", "a: 1", {"{a: 1}"}},
      {"two", "a: 1\n---\nb: 2\n", {"{a: 1}", "{b: 2}"}},
      {"empty ones", "---\n---\na: 1\n---\n# nothing\n---\n", {"{a: 1}"}},
      {"ended", "a: 1\n...\n---\nb: 2\n...\n", {"{a: 1}", "{b: 2}"}},
      {"ended only", "a: 1\n...\nb: 2\n", {"{a: 1}", "{b: 2}"}},
      {"in the line of the dashes", "--- {a: 1}\n--- [b]\n", {"{a: 1}", "[\"b\"]"}},
      {"with a directive", "%YAML 1.2\n---\na: 1\n", {"{a: 1}"}},
      {"with a byte order mark",
       "\xef\xbb\xbf"
       "a: 1\n",
       {"{a: 1}"}},
      {"with carriage returns", "a: 1\r\n---\r\nb: 2\r\n", {"{a: 1}", "{b: 2}"}},
      {"dashes in a text", "a: |\n  x\n  ---\n  y\n", {"{a: \"x\n---\ny\n\"}"}},
      {"JSON", "{\"a\": [1, \"2\", null, true]}", {"{a: [1, \"2\", null, true]}"}},
  };
  for (const auto& row : rows) {
    Problems problems;
    EXPECT_EQ(Texts(ParseYaml(row.text, "in.yaml", problems)), row.documents) << row.name;
    EXPECT_THAT(Lines(problems), IsEmpty()) << row.name;
  }
}

TEST(YamlTest, KnowsWhereEverythingStands) {
  Problems problems;
  const auto nodes =
      ParseYaml("first: 1\n---\n\nspec:\n  ports:\n    - name: \"a\"\n      guest: 80\n  none:\n",
                "in.yaml", problems);
  ASSERT_THAT(nodes, SizeIs(2));
  EXPECT_EQ(nodes[1].line, 4);
  const Node* spec = nodes[1].Find("spec");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->key_line, 4);
  EXPECT_EQ(spec->key_column, 1);
  EXPECT_EQ(spec->line, 5);
  EXPECT_EQ(spec->column, 3);
  const Node* guest = spec->Find("ports")->items.at(0).Find("guest");
  ASSERT_NE(guest, nullptr);
  EXPECT_EQ(guest->line, 7);
  EXPECT_EQ(guest->column, 14);
  EXPECT_EQ(spec->Find("none")->line, 8);
}

TEST(YamlTest, RefusesWithThePlace) {
  const struct {
    std::string name;
    std::string text;
    std::vector<std::string> problems;
  } rows[] = {
      {"anchor and alias",
       "a: &x 1\nb: *x\n",
       {"in.yaml:1:4: error: anchors are not allowed; write the value out where it is used",
        "in.yaml:2:4: error: aliases are not allowed; write the value out"}},
      {"merge key",
       "a: &x {b: 1}\nc:\n  <<: *x\n",
       {"in.yaml:1:4: error: anchors are not allowed; write the value out where it is used",
        "in.yaml:3:7: error: aliases are not allowed; write the value out"}},
      {"unknown alias", "a: *x\n", {"in.yaml:1:4: error: the referenced anchor is not defined"}},
      {"tags",
       "a: !!python/object x\nb: !local [1]\nc: !!str 12\n",
       {"in.yaml:1:4: error: tags such as tag:yaml.org,2002:python/object are not allowed; put "
        "strings in quotes",
        "in.yaml:2:4: error: tags such as !local are not allowed; put strings in quotes",
        "in.yaml:3:4: error: tags such as tag:yaml.org,2002:str are not allowed; put strings in "
        "quotes"}},
      {"key that is no word", "? [a]\n: 1\n", {"in.yaml:1:3: error: a key must be a word"}},
      {"tab", "a:\n\tb: 1\n", {"in.yaml:2:3: error: lines must not be indented with tabs"}},
      {"flow map that does not end",
       "a: {b: 1\n",
       {"in.yaml:2:1: error: a map that begins with \"{\" does not end"}},
      {"list that does not end",
       "a: [1, 2\n",
       {"in.yaml:2:1: error: a list that begins with \"[\" does not end"}},
      {"string that does not end",
       "a: \"b\n",
       {"in.yaml:1:4: error: the quoted string does not end"}},
      {"string that ends in a quote but not there",
       "a: 1\nb: 'it''\n",
       {"in.yaml:2:4: error: the quoted string does not end"}},
      {"string that ends in an escape",
       "a: \"b\\\"",
       {"in.yaml:1:8: error: the quoted string does not end"}},
      {"string cut off by the next document",
       "a: \"b\n---\n",
       {"in.yaml:1:4: error: the quoted string does not end"}},
      {"text behind a value",
       "a: b: c\n",
       {"in.yaml:1:5: error: \":\" cannot stand here; check the indentation, or use quotes"}},
      {"less indented",
       "a:\n    b: 1\n  c: 2\n",
       {"in.yaml:3:3: error: this belongs to no key; check the indentation and the quotes"}},
      {"text behind a list",
       "[a] b\n",
       {"in.yaml:1:5: error: this belongs to nothing; check the indentation, or begin a new "
        "document "
        "with ---"}},
      {"a comma behind a list",
       "[a],b\n",
       {"in.yaml:1:4: error: this belongs to nothing; check the indentation, or begin a new "
        "document with ---"}},
      {"nothing but a comma",
       ",\n",
       {"in.yaml:1:1: error: this belongs to nothing; check the indentation, or begin a new "
        "document with ---"}},
      {"a map behind a list",
       "- a\nb: 1\n",
       {"in.yaml:2:1: error: this belongs to nothing; check the indentation, or begin a new "
        "document "
        "with ---"}},
      {"no list here",
       "a: - b\n",
       {"in.yaml:1:4: error: \"-\" cannot stand here; begin the list in a line of its own"}},
      {"reserved character",
       "a: @b\n",
       {"in.yaml:1:4: error: a value cannot begin with this character; use quotes"}},
      {"invalid UTF-8", "a: 1\nb: \xff\n", {"in.yaml:2:4: error: the text is not valid UTF-8"}},
      {"half a character", "a: \xc3", {"in.yaml:1:4: error: the text is not valid UTF-8"}},
      {"UTF-16",
       std::string("\xff\xfe"
                   "a\0",
                   4),
       {"in.yaml:1:1: error: the text is not valid UTF-8"}},
      {"zero byte",
       std::string("a: \"\0\"\n", 7),
       {"in.yaml:1:5: error: control characters must be escaped in quotes"}},
      {"too deep",
       Repeat("[", 33) + Repeat("]", 33),
       {"in.yaml:1:33: error: is nested deeper than 32"}},
  };
  for (const auto& row : rows) {
    Problems problems;
    EXPECT_THAT(ParseYaml(row.text, "in.yaml", problems), IsEmpty()) << row.name;
    EXPECT_EQ(Lines(problems), row.problems) << row.name;
  }
}

TEST(YamlTest, GoesOnAfterADocumentThatCannotBeRead) {
  Problems problems;
  const auto nodes = ParseYaml("a: 1\n---\nb: [\n---\nd: 4\n", "in.yaml", problems);
  EXPECT_THAT(Texts(nodes), ElementsAre("{a: 1}", "{d: 4}"));
  EXPECT_THAT(Lines(problems),
              ElementsAre("in.yaml:4:1: error: a list that begins with \"[\" does not end"));
}

TEST(YamlTest, GivesWhatCanBeReadInSpiteOfAMistake) {
  const struct {
    std::string name;
    std::string text;
    std::string document;
    std::vector<std::string> problems;
  } rows[] = {
      {"duplicate key",
       "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n",
       "{a: 1, b: {c: 1, d: 2, c: 3}, a: 2}",
       {"in.yaml:5:3: error: the key \"c\" stands twice, in lines 3 and 5",
        "in.yaml:6:1: error: the key \"a\" stands twice, in lines 1 and 6"}},
      {"duplicate key, written differently",
       "\"a\": 1\na: 2\n",
       "{a: 1, a: 2}",
       {"in.yaml:2:1: error: the key \"a\" stands twice, in lines 1 and 2"}},
      {"anchor",
       "a: &x 1\n",
       "{a: 1}",
       {"in.yaml:1:4: error: anchors are not allowed; write the value out where it is used"}},
  };
  for (const auto& row : rows) {
    Problems problems;
    EXPECT_THAT(Texts(ParseYaml(row.text, "in.yaml", problems)), ElementsAre(row.document))
        << row.name;
    EXPECT_EQ(Lines(problems), row.problems) << row.name;
  }
}

// Inputs that have brought other readers to a standstill. Each must be answered at once.
TEST(YamlTest, AnswersHostileInputs) {
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 30; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  }
  const std::size_t most = limits::kDocumentBytes;
  const struct {
    std::string name;
    std::string text;
  } rows[] = {
      {"alias bomb", bomb},
      {"open lists", std::string(most, '[')},
      {"open maps", std::string(most, '{')},
      {"lists in lists", Repeat("- ", most / 2)},
      {"keys of keys", Repeat("? ", most / 2)},
      {"deep map",
       [] {
         std::string text;
         for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, std::string(i, ' '), "a:\n");
         return text;
       }()},
      {"too many values", absl::StrCat("[", std::string(most - 2, ','), "]")},
      {"too large", std::string(most + 1, 'a')},
      {"too many documents", Repeat("---\na\n", limits::kDocumentsPerFile + 1)},
      {"too many problems", Repeat("a: 1\n", 5000)},
  };
  for (const auto& row : rows) {
    Problems problems;
    ParseYaml(row.text, "in.yaml", problems);
    EXPECT_TRUE(problems.HasErrors()) << row.name;
    EXPECT_LE(problems.list().size(), limits::kProblems) << row.name;
  }
}

TEST(YamlTest, TakesWhatIsLargeButAllowed) {
  const struct {
    std::string name;
    std::string text;
  } rows[] = {
      {"a long string", absl::StrCat("a: ", std::string(limits::kDocumentBytes - 10, 'x'))},
      {"a long key", absl::StrCat("\"", std::string(1000, 'x'), "\": 1")},
      {"a long list", absl::StrCat("[", Repeat("1,", 100000), "1]")},
      {"many keys",
       [] {
         std::string text;
         for (int i = 0; i < 50000; ++i) absl::StrAppend(&text, "k", i, ": ", i, "\n");
         return text;
       }()},
      {"many lines", Repeat("\n", limits::kDocumentBytes - 10) + "a: 1"},
      {"as deep as allowed", Repeat("[", 32) + Repeat("]", 32)},
  };
  for (const auto& row : rows) {
    Problems problems;
    EXPECT_THAT(ParseYaml(row.text, "in.yaml", problems), SizeIs(1)) << row.name;
    EXPECT_THAT(Lines(problems), IsEmpty()) << row.name;
  }
}

}  // namespace
}  // namespace espalier
