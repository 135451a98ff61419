#include "engine/load/document_edit.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"

namespace espalier {
namespace {

Node Text(const std::string& text) {
  Node node;
  node.type = Node::Type::kString;
  node.text = text;
  return node;
}

Node TextList(const std::vector<std::string>& texts) {
  Node node;
  node.type = Node::Type::kList;
  for (const std::string& text : texts) node.items.push_back(Text(text));
  return node;
}

// Documents as people write them: maps in maps in all styles, with comments, quotes, blank lines.
class DocumentMaker {
 public:
  explicit DocumentMaker(Random& random) : random_(random) {}

  std::string Make() {
    line_break_ = Chance(4) ? "\r\n" : "\n";
    text_ = Chance(3) ? absl::StrCat("--- # head", line_break_) : "";
    step_ = 1 + Below(4);
    Map(0, 0);
    // The line end of a text that begins with "|" is part of it.
    if (Chance(5) && !ends_in_text_) text_.resize(text_.size() - line_break_.size());
    return text_;
  }

 private:
  std::size_t Below(std::size_t bound) { return random_.Below(bound); }
  bool Chance(std::size_t one_in) { return Below(one_in) == 0; }

  std::string Scalar(bool in_flow) {
    switch (Below(6)) {
      case 0:
        return absl::StrCat(Below(1000));
      case 1:
        return "\"a, \\\"b\\\": #x\"";
      case 2:
        return "'it''s'";
      case 3:
        return in_flow ? "grün" : "registry.example/a:1";
      case 4:
        return "true";
      default:
        return "some words";
    }
  }
  std::string Flow(std::size_t depth) {
    if (depth == 0 || Chance(2)) return Scalar(true);
    const bool is_map = Chance(2);
    const bool lines = Chance(3);
    const std::string between = lines ? absl::StrCat(",", line_break_, "          ") : ", ";
    std::string text = is_map ? "{" : "[";
    if (lines) absl::StrAppend(&text, line_break_, "          ");
    const std::size_t count = 1 + Below(3);
    for (std::size_t i = 0; i < count; ++i) {
      absl::StrAppend(&text, i > 0 ? between : "", is_map ? absl::StrCat("k", i, ": ") : "",
                      Flow(depth - 1));
    }
    if (Chance(4)) text += ",";
    if (lines) absl::StrAppend(&text, Chance(2) ? " # last" : "", line_break_, "        ");
    return text + (is_map ? "}" : "]");
  }
  void End() {
    ends_in_text_ = false;
    if (Chance(3)) text_ += "  # why";
    text_ += line_break_;
    if (Chance(4)) text_ += line_break_;
    if (Chance(5)) absl::StrAppend(&text_, "    # on its own", line_break_);
  }
  void Map(std::size_t indent, std::size_t depth) {
    const std::size_t count = 1 + Below(4);
    for (std::size_t i = 0; i < count; ++i) {
      const bool quoted = Chance(4);
      absl::StrAppend(&text_, std::string(indent, ' '), quoted ? "\"k" : "k", i, quoted ? "\"" : "",
                      ":");
      Value(indent, depth);
    }
  }
  void Value(std::size_t indent, std::size_t depth) {
    const std::size_t style = Below(depth < 3 ? 6 : 3);
    if (style <= 1) {
      absl::StrAppend(&text_, " ", Scalar(false));
      End();
    } else if (style == 2) {
      absl::StrAppend(&text_, " ", Flow(2));
      End();
    } else if (style == 3) {
      absl::StrAppend(&text_, " |", Chance(2) ? "-" : "", line_break_,
                      std::string(indent + step_, ' '), "one", line_break_,
                      std::string(indent + step_, ' '), " two", line_break_);
      ends_in_text_ = true;
    } else if (style == 4) {
      text_ += line_break_;
      const std::size_t dash = indent + (Chance(2) ? step_ : 0);
      const std::size_t count = 1 + Below(3);
      for (std::size_t i = 0; i < count; ++i) {
        absl::StrAppend(&text_, std::string(dash, ' '), "- ", Scalar(false));
        End();
      }
    } else {
      if (Chance(4)) text_ += "  # below";
      text_ += line_break_;
      Map(indent + step_, depth + 1);
    }
  }

  Random& random_;
  std::string text_;
  std::string line_break_;
  std::size_t step_ = 2;
  bool ends_in_text_ = false;
};

// Every place in a map, by its keys.
void Places(const Node& node, const NodeKeys& above, std::vector<NodeKeys>& places) {
  for (const auto& [key, value] : node.entries) {
    NodeKeys keys = above;
    keys.push_back(key);
    places.push_back(keys);
    Places(value, keys, places);
  }
}

// What must be done is done wherever people put things; what is done says what was meant (the edit
// itself sees to it, here another reader does); what comes and goes leaves no trace.
TEST(DocumentEditTest, LeavesWhatMixesLineBreaksAlone) {
  for (const char* text : {"a: 1\nb: 2\r\n", "a: 1\r\nb: 2\n", "a: 1\rb: 2\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(DocumentEdit::Open(text, DocumentForm::kYaml).status()))
        << text;
  }
  EXPECT_TRUE(DocumentEdit::Open("a: 1\r\nb: 2\r\n", DocumentForm::kYaml).ok());
  EXPECT_TRUE(DocumentEdit::Open("a: 1\nb: 2\n", DocumentForm::kYaml).ok());
}

// A tag without a value is an empty text.
TEST(DocumentEditTest, LeavesATagAloneAlone) {
  for (const char* text : {"a: !\nb: c\n", "a: {e: !, b: c}\n", "a: {\n b: c, # d\n  e: !,.  }"}) {
    const auto document = DocumentEdit::Open(text, DocumentForm::kYaml);
    ASSERT_TRUE(document.ok()) << text << document.status();
    DocumentEdit edit = *document;
    const NodeKeys keys = text[3] == '{' ? NodeKeys{"a", "e"} : NodeKeys{"a"};
    EXPECT_FALSE(edit.Set(keys, Text("x")).ok()) << text;
    EXPECT_EQ(edit.text(), text);
  }
}

TEST(DocumentEditTest, DoesWhatWasMeantAndNothingElse) {
  Random random(20250131);
  int done = 0;
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    const std::string text = DocumentMaker(random).Make();
    const auto opened = DocumentEdit::Open(text, DocumentForm::kYaml);
    ASSERT_TRUE(opened.ok()) << opened.status() << "\n" << text;
    std::vector<NodeKeys> places = {{}};
    Places(opened->root(), {}, places);
    for (const NodeKeys& keys : places) {
      const Node& there = *FindNode(opened->root(), keys);
      if (there.type == Node::Type::kMap) {
        NodeKeys fresh = keys;
        fresh.push_back("new-one");
        DocumentEdit edit = *opened;
        const absl::Status added = edit.Set(fresh, Text("x, y"));
        ASSERT_TRUE(added.ok()) << added << "\n" << text;
        EXPECT_EQ(edit.text().find('\t'), std::string::npos);
        ASSERT_TRUE(edit.Remove(fresh).ok()) << edit.text();
        ASSERT_EQ(edit.text(), text);
        ++done;
      } else if (there.type == Node::Type::kList) {
        DocumentEdit edit = *opened;
        std::vector<std::string> texts = {"first", "a: b", "last"};
        const absl::Status set = edit.Set(keys, TextList(texts));
        set.ok() ? ++done : ++refused;
        if (!set.ok()) continue;
        EXPECT_TRUE(SaysTheSame(*FindNode(edit.root(), keys), TextList(texts)));
      } else {
        for (const char* value : {"plain", "no", "12", "a: b # c", "two\nlines\n", "ü'\""}) {
          DocumentEdit edit = *opened;
          const absl::Status set = edit.Set(keys, Text(value));
          ASSERT_TRUE(set.ok()) << set << "\n" << text;
          EXPECT_EQ(FindNode(edit.root(), keys)->text, value);
          // Set back to what it said: nobody can know the quotes, all else is as it was.
          ASSERT_TRUE(edit.Set(keys, there).ok()) << edit.text();
          EXPECT_TRUE(SaysTheSame(edit.root(), opened->root()));
          ++done;
        }
      }
      if (keys.empty()) continue;
      DocumentEdit edit = *opened;
      const absl::Status removed = edit.Remove(keys);
      if (removed.ok()) {
        EXPECT_EQ(FindNode(edit.root(), keys), nullptr);
        // What goes is one run of the text, but for a comma.
        EXPECT_LT(edit.text().size(), text.size());
        ++done;
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(done, 3000);
  // Lists of maps, documents of one key.
  EXPECT_LT(refused, done / 10) << done;
}

}  // namespace
}  // namespace espalier
