// A strict reader of JSON (RFC 8259) that knows where it is. Ready-made parsers take duplicate
// keys, lose the text of numbers, and cannot name the line of a value that has the wrong type.
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/codec.h"
#include "engine/model/utf8.h"

namespace espalier {
namespace {

class JsonReader {
 public:
  JsonReader(absl::string_view text, absl::string_view file, Problems& problems)
      : text_(text), file_(file), problems_(problems) {}

  std::optional<Node> Read() {
    Node node;
    SkipSpace();
    if (!ReadValue(node, 0)) return std::nullopt;
    SkipSpace();
    if (position_ < text_.size()) {
      Fail("syntax_error", "there is more text after the end of the document");
      return std::nullopt;
    }
    // Duplicate keys do not stop the reading: all of them are named.
    if (failed_) return std::nullopt;
    return node;
  }

 private:
  struct Place {
    int line;
    int column;
  };

  Place Here() const { return {line_, static_cast<int>(position_ - line_start_) + 1}; }

  bool FailAt(Place place, ProblemCode code, absl::string_view message) {
    Problem& problem = problems_.Error(code, "", message);
    problem.set_file(std::string(file_));
    problem.set_line(place.line);
    problem.set_column(place.column);
    failed_ = true;
    return false;
  }
  bool Fail(ProblemCode code, absl::string_view message) { return FailAt(Here(), code, message); }
  bool Unexpected(absl::string_view expected) {
    if (position_ >= text_.size()) {
      return Fail("syntax_error", absl::StrCat("the text ends where ", expected, " should stand"));
    }
    return Fail("syntax_error", absl::StrCat("expected ", expected));
  }

  bool At(char c) const { return position_ < text_.size() && text_[position_] == c; }
  bool AtDigit() const { return position_ < text_.size() && absl::ascii_isdigit(text_[position_]); }
  bool Take(char c) {
    if (!At(c)) return false;
    ++position_;
    return true;
  }
  void SkipSpace() {
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == '\n') {
        ++line_;
        line_start_ = position_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  bool ReadValue(Node& node, std::size_t depth) {
    const Place place = Here();
    node.line = place.line;
    node.column = place.column;
    if (depth >= limits::kDocumentDepth) {
      return Fail("too_large", absl::StrCat("is nested deeper than ", limits::kDocumentDepth));
    }
    if (At('{')) return ReadMap(node, depth);
    if (At('[')) return ReadList(node, depth);
    if (At('"')) {
      node.type = Node::Type::kString;
      return ReadString(node.text);
    }
    if (At('-') || AtDigit()) return ReadNumber(node);
    return ReadWord(node);
  }

  bool ReadMap(Node& node, std::size_t depth) {
    node.type = Node::Type::kMap;
    Take('{');
    SkipSpace();
    if (Take('}')) return true;
    absl::flat_hash_map<std::string, int> lines;
    do {
      SkipSpace();
      const Place place = Here();
      std::string key;
      if (!At('"')) return Unexpected("a key in double quotes");
      if (!ReadString(key)) return false;
      SkipSpace();
      if (!Take(':')) return Unexpected("\":\"");
      SkipSpace();
      Node value;
      if (!ReadValue(value, depth + 1)) return false;
      value.key_line = place.line;
      value.key_column = place.column;
      const auto [first, is_new] = lines.emplace(key, place.line);
      if (is_new) {
        node.entries.emplace_back(std::move(key), std::move(value));
      } else {
        FailAt(place, "duplicate_key",
               absl::StrCat("the key \"", key, "\" stands twice, in lines ", first->second, " and ",
                            place.line));
      }
      SkipSpace();
    } while (Take(','));
    return Take('}') || Unexpected("\",\" or \"}\"");
  }

  bool ReadList(Node& node, std::size_t depth) {
    node.type = Node::Type::kList;
    Take('[');
    SkipSpace();
    if (Take(']')) return true;
    do {
      SkipSpace();
      if (!ReadValue(node.items.emplace_back(), depth + 1)) return false;
      SkipSpace();
    } while (Take(','));
    return Take(']') || Unexpected("\",\" or \"]\"");
  }

  bool ReadWord(Node& node) {
    const absl::string_view rest = text_.substr(position_);
    for (const absl::string_view word : {"true", "false", "null"}) {
      if (!absl::StartsWith(rest, word)) continue;
      node.type = word == "null" ? Node::Type::kNull : Node::Type::kBool;
      if (node.type == Node::Type::kBool) node.text = std::string(word);
      position_ += word.size();
      return true;
    }
    return Unexpected("a value");
  }

  bool ReadNumber(Node& node) {
    const std::size_t start = position_;
    node.type = Node::Type::kNumber;
    Take('-');
    if (!AtDigit()) return Unexpected("a digit");
    if (Take('0')) {
      if (AtDigit()) return Fail("syntax_error", "a number must not begin with 0");
    } else {
      SkipDigits();
    }
    if (Take('.')) {
      if (!AtDigit()) return Unexpected("a digit");
      SkipDigits();
    }
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!AtDigit()) return Unexpected("a digit");
      SkipDigits();
    }
    node.text = std::string(text_.substr(start, position_ - start));
    return true;
  }
  void SkipDigits() {
    while (AtDigit()) ++position_;
  }

  // Most of what stands in strings: neither an end nor an escape nor more than a byte long.
  static bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

  bool ReadString(std::string& out) {
    Take('"');
    while (position_ < text_.size()) {
      std::size_t end = position_;
      while (end < text_.size() && IsPlain(text_[end])) ++end;
      out.append(text_.data() + position_, end - position_);
      position_ = end;
      if (position_ == text_.size()) break;
      const char c = text_[position_];
      if (c == '"') {
        ++position_;
        return true;
      }
      if (c == '\\') {
        if (!ReadEscape(out)) return false;
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        return Fail("syntax_error", "control characters in a string must be escaped");
      }
      const std::size_t length = Utf8Length(text_, position_);
      if (length == 0) return Fail("invalid_utf8", "the text is not valid UTF-8");
      out.append(text_.data() + position_, length);
      position_ += length;
    }
    return Unexpected("the end of a string");
  }

  bool ReadEscape(std::string& out) {
    static constexpr absl::string_view kLetters = "\"\\/bfnrt";
    static constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++position_;
    if (position_ >= text_.size()) return Unexpected("the rest of an escape");
    const std::size_t index = kLetters.find(text_[position_]);
    if (index != absl::string_view::npos) {
      out += kMeanings[index];
      ++position_;
      return true;
    }
    if (!Take('u')) return Unexpected("an escape such as \\n or \\u00e9");
    std::uint32_t point = 0;
    if (!ReadHex(point)) return false;
    if (point >= 0xd800 && point < 0xdc00) {
      std::uint32_t low = 0;
      if (!Take('\\') || !Take('u')) return Unexpected("the second half of a surrogate pair");
      if (!ReadHex(low)) return false;
      if (low < 0xdc00 || low >= 0xe000) return Fail("invalid_utf8", "a surrogate has no partner");
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point < 0xe000) {
      return Fail("invalid_utf8", "a surrogate has no partner");
    }
    AppendUtf8(point, out);
    return true;
  }

  bool ReadHex(std::uint32_t& value) {
    for (int i = 0; i < 4; ++i, ++position_) {
      if (position_ >= text_.size() || !absl::ascii_isxdigit(text_[position_])) {
        return Unexpected("four hex digits");
      }
      const char c = absl::ascii_tolower(text_[position_]);
      value = value * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
  }

  static void AppendUtf8(std::uint32_t point, std::string& out) {
    const auto tail = [&](int shift) {
      out += static_cast<char>(0x80 | ((point >> shift) & 0x3f));
    };
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xc0 | (point >> 6));
      tail(0);
    } else if (point < 0x10000) {
      out += static_cast<char>(0xe0 | (point >> 12));
      tail(6);
      tail(0);
    } else {
      out += static_cast<char>(0xf0 | (point >> 18));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  const absl::string_view text_;
  const absl::string_view file_;
  Problems& problems_;
  std::size_t position_ = 0;
  std::size_t line_start_ = 0;
  int line_ = 1;
  bool failed_ = false;
};

}  // namespace

std::optional<Node> ParseJson(absl::string_view text, absl::string_view file, Problems& problems,
                              std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    problems
        .Error("too_large", "",
               absl::StrCat("has ", text.size(), " bytes, at most ", max_bytes, " are allowed"))
        .set_file(std::string(file));
    return std::nullopt;
  }
  return JsonReader(text, file, problems).Read();
}

}  // namespace espalier
