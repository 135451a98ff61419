#include "engine/server/rest/merge_patch.h"

#include <optional>
#include <string>

#include "engine/model/codec.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

Node Parse(const std::string& json) {
  Problems problems;
  std::optional<Node> node = ParseJson(json, "", problems);
  EXPECT_TRUE(node.has_value()) << json;
  return node.value_or(Node());
}

std::string Print(const Node& node) {
  switch (node.type) {
    case Node::Type::kNull:
      return "null";
    case Node::Type::kString:
      return "\"" + node.text + "\"";
    case Node::Type::kList: {
      std::string text;
      for (const Node& item : node.items) text += (text.empty() ? "" : ",") + Print(item);
      return "[" + text + "]";
    }
    case Node::Type::kMap: {
      std::string text;
      for (const auto& [key, value] : node.entries) {
        text += (text.empty() ? "" : ",") + ("\"" + key + "\":") + Print(value);
      }
      return "{" + text + "}";
    }
    default:
      return node.text;
  }
}

// The table of RFC 7396, appendix A.
TEST(MergePatchTest, FollowsTheTableOfItsStandard) {
  struct Row {
    const char* target;
    const char* patch;
    const char* result;
  };
  for (const Row& row : {
           Row{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
           Row{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
           Row{R"({"a":"b"})", R"({"a":null})", R"({})"},
           Row{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
           Row{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
           Row{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
           Row{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
           Row{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
           Row{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
           Row{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
           Row{R"({"a":"foo"})", R"(null)", R"(null)"},
           Row{R"({"a":"foo"})", R"("bar")", R"("bar")"},
           Row{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
           Row{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
           Row{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
       }) {
    Node target = Parse(row.target);
    MergePatch(Parse(row.patch), target);
    EXPECT_EQ(Print(target), row.result) << row.target << " with " << row.patch;
  }
}

}  // namespace
}  // namespace espalier
