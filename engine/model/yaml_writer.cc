#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/model/writer.h"

namespace espalier {
namespace {

// Words that one or another YAML reader takes for something else than a string. Version 1.1 readers
// are still common, hence "on" and "yes".
constexpr std::array<absl::string_view, 11> kWords = {"true", "false", "null", "yes", "no", "on",
                                                      "off",  "y",     "n",    "nan", "inf"};

bool IsPlainByte(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("_./@+-:= ,()", absl::string_view(&c, 1));
}

// Whether every YAML reader takes `text` without quotes for this very string. Cautious: what begins
// like a number, a path or an operator is quoted.
bool IsPlain(absl::string_view text) {
  if (text.empty() || !absl::ascii_isalpha(text.front()) || text.back() == ' ' ||
      text.back() == ':' || absl::StrContains(text, ": ")) {
    return false;
  }
  if (!std::all_of(text.begin(), text.end(), IsPlainByte)) return false;
  return std::none_of(kWords.begin(), kWords.end(),
                      [&](absl::string_view word) { return absl::EqualsIgnoreCase(word, text); });
}

class YamlWriter final : public DocumentWriter {
 public:
  explicit YamlWriter(std::string& out) : out_(out) {}

  void BeginMap() override { Open(false); }
  void EndMap() override { Close("{}"); }
  void BeginList() override { Open(true); }
  void EndList() override { Close("[]"); }
  void Key(absl::string_view key) override {
    BeginEntry();
    Text(key);
    out_ += ':';
    after_key_ = true;
  }
  void String(absl::string_view text) override {
    BeginScalar();
    Text(text);
    out_ += '\n';
  }
  void Literal(absl::string_view text) override {
    BeginScalar();
    absl::StrAppend(&out_, text, "\n");
  }

 private:
  struct Frame {
    bool is_list;
    std::size_t indent;
    bool empty = true;
    // It is the value of a key, or an item of a list; otherwise the document itself.
    bool after_key = false;
    bool in_list = false;
  };

  void Open(bool is_list) {
    Frame frame{is_list, 0};
    if (after_key_) {
      frame.after_key = true;
      // Items of a list stand below their key, entries of a map two further in.
      frame.indent = frames_.back().indent + (is_list ? 0 : 2);
      after_key_ = false;
    } else if (!frames_.empty()) {
      BeginEntry();
      frame.in_list = true;
      frame.indent = frames_.back().indent + 2;
    }
    frames_.push_back(frame);
  }

  void Close(absl::string_view if_empty) {
    const Frame frame = frames_.back();
    frames_.pop_back();
    if (frame.empty) absl::StrAppend(&out_, frame.after_key ? " " : "", if_empty, "\n");
  }

  // The start of a line for the next key or item; the first one of an item of a list goes on in the
  // line of its dash.
  void BeginEntry() {
    Frame& frame = frames_.back();
    if (frame.empty && frame.after_key) out_ += '\n';
    if (!(frame.empty && frame.in_list)) out_.append(frame.indent, ' ');
    frame.empty = false;
    if (frame.is_list) out_ += "- ";
  }

  void BeginScalar() {
    if (after_key_) {
      after_key_ = false;
      out_ += ' ';
    } else if (!frames_.empty()) {
      BeginEntry();
    }
  }

  void Text(absl::string_view text) {
    // A JSON string is a double-quoted YAML scalar.
    if (IsPlain(text)) {
      absl::StrAppend(&out_, text);
    } else {
      AppendJsonString(text, out_);
    }
  }

  std::string& out_;
  std::vector<Frame> frames_;
  bool after_key_ = false;
};

}  // namespace

std::unique_ptr<DocumentWriter> MakeYamlWriter(std::string& out) {
  return std::make_unique<YamlWriter>(out);
}

}  // namespace espalier
