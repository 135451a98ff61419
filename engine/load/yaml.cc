// The only code that includes yaml-cpp. Its events are used rather than its nodes: nodes keep the
// first of two equal keys without a word, follow aliases, and forget tags.
#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/load/load.h"
#include "engine/load/yaml_scalar.h"
#include "engine/load/yaml_split.h"
#include "engine/model/utf8.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace espalier {
namespace {

// Leaves yaml-cpp's parser from inside an event. The problem is reported already.
struct StopParsing {};

// What yaml-cpp says of common mistakes, in words that tell what to look for.
std::string MessageOf(const YAML::Exception& error, absl::string_view line) {
  static constexpr std::pair<absl::string_view, absl::string_view> kMessages[] = {
      {"end of map not found", "this belongs to no key; check the indentation and the quotes"},
      {"end of sequence not found", "this belongs to no item; check the indentation"},
      {"illegal map value", "\":\" cannot stand here; check the indentation, or use quotes"},
      {"illegal block entry", "\"-\" cannot stand here; begin the list in a line of its own"},
      {"unknown token", "a value cannot begin with this character; use quotes"},
      {"end of map flow not found", "a map that begins with \"{\" does not end"},
      {"end of sequence flow not found", "a list that begins with \"[\" does not end"},
      {"illegal EOF in scalar", "the quoted string does not end"},
  };
  if (absl::StrContains(line.substr(0, line.find_first_not_of(" \t")), "\t")) {
    return "lines must not be indented with tabs";
  }
  for (const auto& [theirs, ours] : kMessages) {
    if (error.msg == theirs) return std::string(ours);
  }
  return error.msg;
}

// The text from line `line` (counted from 0) on.
absl::string_view FromLine(absl::string_view text, int line) {
  for (; line > 0; --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text;
}

// Whether the quoted string that begins at `mark` ends; true for what is not in quotes.
bool IsQuotedWhole(absl::string_view text, const YAML::Mark& mark) {
  text = FromLine(text, mark.line);
  text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(mark.column)));
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) return true;
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool escapes = quote == '"' ? text[i] == '\\' : absl::StartsWith(text.substr(i), "''");
    if (escapes) {
      ++i;
    } else if (text[i] == quote) {
      return true;
    }
  }
  return false;
}

class DocumentBuilder final : public YAML::EventHandler {
 public:
  DocumentBuilder(const YamlChunk& chunk, absl::string_view file, Problems& problems)
      : chunk_(chunk), file_(file), problems_(problems) {}

  // The document, unless there is none or it could not be read whole.
  std::optional<Node> Take() {
    if (failed_ || !root_.has_value() || root_->type == Node::Type::kNull) return std::nullopt;
    return std::move(root_);
  }

  void Fail(const YAML::Mark& mark, ProblemCode code, absl::string_view message) {
    FailAt(LineOf(mark), ColumnOf(mark), code, message);
  }

  void FailAt(int line, int column, ProblemCode code, absl::string_view message) {
    Report(line, column, code, message);
    failed_ = true;
  }

  // Names a mistake that does not keep the rest of the document from being read.
  void Report(int line, int column, ProblemCode code, absl::string_view message) {
    Problem& problem = problems_.Error(code, "", message);
    problem.set_file(std::string(file_));
    problem.set_line(line);
    problem.set_column(column);
  }

  // Asked when nothing more comes: the parser takes a quoted string that the end of the text cuts
  // off for a whole one. A file that was written by half must not pass.
  bool IsWhole() {
    if (!last_quoted_.has_value() || IsQuotedWhole(chunk_.text, *last_quoted_)) return true;
    Fail(*last_quoted_, "syntax_error", "the quoted string does not end");
    return false;
  }

  // Where the last document began.
  const YAML::Mark& start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    start_ = mark;
    root_.reset();
    frames_.clear();
    failed_ = false;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    CheckAnchor(mark, anchor);
    Add(At(mark, Node::Type::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "yaml_feature", "aliases are not allowed; write the value out");
    Add(At(mark, Node::Type::kString));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    CheckAnchor(mark, anchor);
    CheckTag(mark, tag);
    last_quoted_.reset();
    if (tag == "!") last_quoted_ = mark;
    Node node = At(mark, tag == "?" ? CoreTypeOf(value) : Node::Type::kString);
    node.text = node.type == Node::Type::kBool ? absl::AsciiStrToLower(value) : value;
    Add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Type::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Type::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A map or list that is being read.
  struct Frame {
    Node node;
    // For maps: the key whose value comes next.
    std::optional<Node> key;
    absl::flat_hash_map<std::string, int> key_lines;
  };

  int LineOf(const YAML::Mark& mark) const { return chunk_.first_line + mark.line + 1; }
  static int ColumnOf(const YAML::Mark& mark) { return mark.column + 1; }

  Node At(const YAML::Mark& mark, Node::Type type) const {
    Node node;
    node.type = type;
    node.line = LineOf(mark);
    node.column = ColumnOf(mark);
    return node;
  }

  void CheckAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) return;
    Report(LineOf(mark), ColumnOf(mark), "yaml_feature",
           "anchors are not allowed; write the value out where it is used");
  }
  // "?" is the tag of what is plain, "!" of what is quoted.
  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    Fail(mark, "yaml_feature",
         absl::StrCat("tags such as ", tag, " are not allowed; put strings in quotes"));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Type type) {
    CheckAnchor(mark, anchor);
    CheckTag(mark, tag);
    if (frames_.size() >= limits::kDocumentDepth) {
      Fail(mark, "too_large", absl::StrCat("is nested deeper than ", limits::kDocumentDepth));
      // The parser calls itself for each level: it must not go on.
      throw StopParsing();
    }
    frames_.push_back({At(mark, type), std::nullopt, {}});
  }

  void Close() {
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    Add(std::move(node));
  }

  void Add(Node node) {
    if (++nodes_ > limits::kDocumentNodes) {
      FailAt(node.line, node.column, "too_large",
             absl::StrCat("the document has more than ", limits::kDocumentNodes, " values"));
      throw StopParsing();
    }
    if (frames_.empty()) {
      root_ = std::move(node);
    } else if (frames_.back().node.type == Node::Type::kList) {
      frames_.back().node.items.push_back(std::move(node));
    } else if (!frames_.back().key.has_value()) {
      frames_.back().key = std::move(node);
    } else {
      AddEntry(frames_.back(), std::move(node));
    }
  }

  void AddEntry(Frame& frame, Node value) {
    const Node key = *std::exchange(frame.key, std::nullopt);
    if (key.type == Node::Type::kMap || key.type == Node::Type::kList ||
        key.type == Node::Type::kNull) {
      return FailAt(key.line, key.column, "syntax_error", "a key must be a word");
    }
    value.key_line = key.line;
    value.key_column = key.column;
    // Where nothing stands, the parser names what comes next.
    if (value.type == Node::Type::kNull && value.line != key.line) {
      value.line = key.line;
      value.column = key.column;
    }
    const auto [first, is_new] = frame.key_lines.emplace(key.text, key.line);
    if (!is_new) {
      Report(key.line, key.column, "duplicate_key",
             absl::StrCat("the key \"", key.text, "\" stands twice, in lines ", first->second,
                          " and ", key.line));
    }
    frame.node.entries.emplace_back(key.text, std::move(value));
  }

  const YamlChunk chunk_;
  const absl::string_view file_;
  Problems& problems_;
  YAML::Mark start_;
  std::optional<Node> root_;
  // Where the last scalar stands, if it is quoted (or a block of text).
  std::optional<YAML::Mark> last_quoted_;
  std::vector<Frame> frames_;
  std::size_t nodes_ = 0;
  bool failed_ = false;
};

// Adds the document of a chunk to `nodes`, if there is one and it can be read.
void ParseChunk(const YamlChunk& chunk, absl::string_view file, std::vector<Node>& nodes,
                Problems& problems) {
  DocumentBuilder builder(chunk, file, problems);
  try {
    std::istringstream stream{std::string(chunk.text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return;
    std::optional<Node> node = builder.Take();
    // The parser would take what is left for a document of its own, or, if it can begin none, hand
    // out empty documents for ever: it is asked once more, for the place only.
    if (parser) {
      parser.HandleNextDocument(builder);
      return builder.Fail(builder.start(), "syntax_error",
                          "this belongs to nothing; check the indentation, or begin a new document "
                          "with ---");
    }
    if (builder.IsWhole() && node.has_value()) nodes.push_back(std::move(*node));
  } catch (const StopParsing&) {
    return;  // What was wrong is among the problems.
  } catch (const YAML::Exception& error) {
    const YAML::Mark mark = error.mark.is_null() ? YAML::Mark() : error.mark;
    builder.Fail(mark, "syntax_error", MessageOf(error, FromLine(chunk.text, mark.line)));
  } catch (const std::exception& error) {
    builder.Fail(YAML::Mark(), "syntax_error", error.what());
  }
}

// Bytes that no YAML text may contain: what is not UTF-8, and control characters.
bool CheckBytes(absl::string_view text, absl::string_view file, Problems& problems) {
  const std::size_t invalid = FindInvalidUtf8(text);
  std::size_t bad = 0;
  while (bad < text.size() && bad != invalid) {
    const char c = text[bad];
    if ((absl::ascii_iscntrl(c) && c != '\n' && c != '\r' && c != '\t')) break;
    ++bad;
  }
  if (bad >= text.size()) return true;
  const absl::string_view before = text.substr(0, bad);
  const std::size_t line_end = before.rfind('\n');
  Problem& problem =
      bad == invalid
          ? problems.Error("invalid_utf8", "", "the text is not valid UTF-8")
          : problems.Error("syntax_error", "", "control characters must be escaped in quotes");
  problem.set_file(std::string(file));
  problem.set_line(static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1);
  problem.set_column(
      static_cast<int>(line_end == absl::string_view::npos ? bad + 1 : bad - line_end));
  return false;
}

}  // namespace

std::vector<Node> ParseYaml(absl::string_view text, absl::string_view file, Problems& problems) {
  if (text.size() > limits::kDocumentBytes) {
    problems
        .Error("too_large", "",
               absl::StrCat("has ", text.size(), " bytes, at most ", limits::kDocumentBytes,
                            " are allowed"))
        .set_file(std::string(file));
    return {};
  }
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  if (!CheckBytes(text, file, problems)) return {};
  std::vector<Node> nodes;
  const std::vector<YamlChunk> chunks = SplitYaml(text);
  // The first one is what stands before the first marker.
  if (chunks.size() > limits::kDocumentsPerFile + 1) {
    problems
        .Error("too_large", "",
               absl::StrCat("has more than ", limits::kDocumentsPerFile, " documents"))
        .set_file(std::string(file));
    return nodes;
  }
  for (const YamlChunk& chunk : chunks) ParseChunk(chunk, file, nodes, problems);
  return nodes;
}

}  // namespace espalier
