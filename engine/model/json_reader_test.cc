#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

// The only problem of a text, or "" if there is none.
std::string ProblemOf(absl::string_view text) {
  Problems problems;
  const std::optional<Node> node = ParseJson(text, "f", problems);
  EXPECT_EQ(node.has_value(), problems.empty());
  return problems.empty() ? "" : ToString(problems.list()[0]);
}

TEST(JsonReaderTest, ReadsEveryTypeWithItsPlace) {
  Problems problems;
  const std::optional<Node> node = ParseJson(
      "{\n  \"a\": [1, -2.5e+3, \"x\"],\n  \"b\": {\"c\": true, \"d\": null}}\n", "f", problems);
  ASSERT_TRUE(node.has_value());
  const Node* a = node->Find("a");
  ASSERT_NE(a, nullptr);
  ASSERT_EQ(a->items.size(), 3u);
  EXPECT_EQ(a->key_line, 2);
  EXPECT_EQ(a->key_column, 3);
  EXPECT_EQ(a->column, 8);
  EXPECT_EQ(a->items[1].text, "-2.5e+3");
  EXPECT_EQ(a->items[1].type, Node::Type::kNumber);
  EXPECT_EQ(a->items[2].text, "x");
  const Node* b = node->Find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->Find("c")->text, "true");
  EXPECT_EQ(b->Find("d")->type, Node::Type::kNull);
  EXPECT_EQ(b->Find("d")->key_line, 3);
  EXPECT_EQ(b->Find("e"), nullptr);
}

TEST(JsonReaderTest, ReadsEscapes) {
  Problems problems;
  const std::optional<Node> node =
      ParseJson(R"("\"\\\/\b\f\n\r\t\u00e9\ud83c\udf4e\u0000")", "f", problems);
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->text, std::string("\"\\/\b\f\n\r\t\u00e9\U0001f34e\0", 15));
}

TEST(JsonReaderTest, NamesBothLinesOfADuplicateKey) {
  EXPECT_EQ(ProblemOf("{\"a\": 1,\n\"b\": 2,\n \"a\": 3}"),
            "f:3:2: error: the key \"a\" stands twice, in lines 1 and 3");
}

TEST(JsonReaderTest, NamesAllDuplicateKeys) {
  Problems problems;
  ParseJson("{\"a\":1,\"a\":2,\"b\":{\"c\":1,\"c\":2}}", "f", problems);
  EXPECT_EQ(problems.list().size(), 2u);
}

TEST(JsonReaderTest, RefusesWhatIsNoJson) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "1:1: error: the text ends where a value should stand"},
      {"{", "1:2: error: the text ends where a key in double quotes should stand"},
      {"{a:1}", "1:2: error: expected a key in double quotes"},
      {"{\"a\" 1}", "1:6: error: expected \":\""},
      {"{\"a\":1,}", "1:8: error: expected a key in double quotes"},
      {"[1,]", "1:4: error: expected a value"},
      {"[1 2]", "1:4: error: expected \",\" or \"]\""},
      {"[01]", "1:3: error: a number must not begin with 0"},
      {"[-]", "1:3: error: expected a digit"},
      {"[1.]", "1:4: error: expected a digit"},
      {"[.5]", "1:2: error: expected a value"},
      {"[1e]", "1:4: error: expected a digit"},
      {"[NaN]", "1:2: error: expected a value"},
      {"nul", "1:1: error: expected a value"},
      {"\"a", "1:3: error: the text ends where the end of a string should stand"},
      {"\"\\x\"", "1:3: error: expected an escape such as \\n or \\u00e9"},
      {"\"\\u12g4\"", "1:6: error: expected four hex digits"},
      {"\"\\ud83c\"", "1:8: error: expected the second half of a surrogate pair"},
      {"\"\\ud83c\\u0041\"", "1:14: error: a surrogate has no partner"},
      {"\"\\udf4e\"", "1:8: error: a surrogate has no partner"},
      {"\"a\nb\"", "1:3: error: control characters in a string must be escaped"},
      {"\"\xff\"", "1:2: error: the text is not valid UTF-8"},
      {"\"\xc0\xaf\"", "1:2: error: the text is not valid UTF-8"},
      {"\"\xed\xa0\x80\"", "1:2: error: the text is not valid UTF-8"},
      {"{} {}", "1:4: error: there is more text after the end of the document"},
      {"\xef\xbb\xbf{}", "1:1: error: expected a value"},
      {"// no\n{}", "1:1: error: expected a value"}};
  for (const auto& [text, problem] : cases) {
    EXPECT_EQ(ProblemOf(text), absl::StrCat("f:", problem)) << text;
  }
}

TEST(JsonReaderTest, RefusesWhatExceedsTheLimits) {
  const std::string deep(limits::kDocumentDepth + 1, '[');
  EXPECT_EQ(ProblemOf(deep), "f:1:33: error: is nested deeper than 32");
  const std::string just_deep_enough =
      std::string(limits::kDocumentDepth, '[') + std::string(limits::kDocumentDepth, ']');
  EXPECT_EQ(ProblemOf(just_deep_enough), "");
  EXPECT_EQ(ProblemOf(std::string(limits::kDocumentBytes + 1, ' ')),
            "f: error: has 1048577 bytes, at most 1048576 are allowed");
  Problems problems;
  EXPECT_TRUE(ParseJson("[]   ", "f", problems, 5).has_value());
  EXPECT_FALSE(ParseJson("[]    ", "f", problems, 5).has_value());
}

}  // namespace
}  // namespace espalier
