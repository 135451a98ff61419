#include "engine/load/text_layout.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

absl::Status Unclear(absl::string_view why) { return absl::FailedPreconditionError(why); }

// Behind the quoted text that begins at `begin`; npos if it does not end.
std::size_t EndOfQuoted(absl::string_view text, std::size_t begin) {
  const char quote = text[begin];
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    const bool escapes = quote == '"' ? text[i] == '\\' : absl::StartsWith(text.substr(i), "''");
    if (escapes) {
      ++i;
    } else if (text[i] == quote) {
      return i + 1;
    }
  }
  return absl::string_view::npos;
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

TextLayout::TextLayout(absl::string_view text) : text_(text) {
  lines_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') lines_.push_back(i + 1);
  }
}

std::size_t TextLayout::At(int line, int column) const {
  if (line < 1 || column < 1 || static_cast<std::size_t>(line) > lines_.size()) return text_.size();
  return std::min(lines_[line - 1] + column - 1, text_.size());
}

bool TextLayout::IsFlow(const Node& node) const {
  const std::size_t begin = BeginOf(node);
  return begin < text_.size() && (text_[begin] == '{' || text_[begin] == '[');
}

absl::StatusOr<TextRange> TextLayout::RangeOf(const Node& node) const {
  ESPALIER_ASSIGN_OR_RETURN(const std::size_t end, EndOf(node));
  return TextRange{BeginOf(node), end};
}

absl::StatusOr<std::vector<TextRange>> TextLayout::ChildrenOf(const Node& node) const {
  std::vector<TextRange> ranges;
  ranges.reserve(node.entries.size() + node.items.size());
  for (const auto& [key, value] : node.entries) {
    ESPALIER_ASSIGN_OR_RETURN(const std::size_t end, EndOf(value));
    ranges.push_back({KeyBeginOf(value), end});
  }
  for (const Node& item : node.items) {
    ESPALIER_ASSIGN_OR_RETURN(const std::size_t end, EndOf(item));
    std::size_t begin = BeginOf(item);
    if (!IsFlow(node)) {
      ESPALIER_ASSIGN_OR_RETURN(begin, DashOf(node, item));
    }
    ranges.push_back({begin, end});
  }
  return ranges;
}

absl::StatusOr<std::size_t> TextLayout::EndOf(const Node& node) const {
  const std::size_t begin = BeginOf(node);
  if (begin >= text_.size()) return Unclear("it does not stand where it was read");
  if (node.type == Node::Type::kMap || node.type == Node::Type::kList) {
    if (IsFlow(node)) return EndOfFlow(node);
    const Node* last = nullptr;
    if (!node.entries.empty()) last = &node.entries.back().second;
    if (!node.items.empty()) last = &node.items.back();
    if (last == nullptr) return Unclear("nobody can tell where it ends");
    return EndOf(*last);
  }
  const char first = text_[begin];
  if (first == '"' || first == '\'') {
    const std::size_t end = EndOfQuoted(text_, begin);
    if (end == absl::string_view::npos) return Unclear("the quotes do not end");
    return end;
  }
  if (first == '|' || first == '>') return EndOfBlockText(begin);
  return EndOfPlain(begin, node);
}

absl::StatusOr<std::size_t> TextLayout::EndOfFlow(const Node& node) const {
  const std::size_t begin = BeginOf(node);
  std::size_t at = begin + 1;
  if (!node.entries.empty()) {
    ESPALIER_ASSIGN_OR_RETURN(at, EndOf(node.entries.back().second));
  } else if (!node.items.empty()) {
    ESPALIER_ASSIGN_OR_RETURN(at, EndOf(node.items.back()));
  }
  at = SkipBlank(at);
  if (at < text_.size() && text_[at] == ',') at = SkipBlank(at + 1);
  const char closing = text_[begin] == '{' ? '}' : ']';
  if (at >= text_.size() || text_[at] != closing) return Unclear("nobody can tell where it ends");
  return at + 1;
}

// "|" or ">" and the lines below it that are indented at least as far as the first of them.
absl::StatusOr<std::size_t> TextLayout::EndOfBlockText(std::size_t begin) const {
  std::size_t at = begin + 1;
  while (at < text_.size() && (text_[at] == '-' || text_[at] == '+')) ++at;
  if (at < text_.size() && absl::ascii_isdigit(text_[at])) {
    return Unclear("the text says itself how far it is indented");
  }
  std::size_t end = at;
  std::size_t indent = 0;
  for (std::size_t line = NextLine(begin); line < text_.size(); line = NextLine(line)) {
    const std::size_t first = text_.find_first_not_of(' ', line);
    if (first == absl::string_view::npos) break;
    if (text_[first] == '\n' || text_[first] == '\r') continue;
    if (indent == 0) indent = first - line;
    if (indent == 0 || first - line < indent) break;
    end = LineEnd(line);
  }
  return end;
}

// Plain text goes on over lines, whose breaks and indentation are one space in what was read.
absl::StatusOr<std::size_t> TextLayout::EndOfPlain(std::size_t begin, const Node& node) const {
  if (node.type == Node::Type::kNull) return Unclear("no value stands there");
  std::size_t at = begin;
  for (std::size_t i = 0; i < node.text.size();) {
    std::size_t blank = at;
    std::size_t breaks = 0;
    while (blank < text_.size() && IsBlank(text_[blank])) breaks += text_[blank++] == '\n' ? 1 : 0;
    if (breaks > 0) {
      // One break is a space, each further one a break.
      const std::string wanted = breaks == 1 ? " " : std::string(breaks - 1, '\n');
      if (!absl::StartsWith(absl::string_view(node.text).substr(i), wanted)) {
        return Unclear("it does not stand where it was read");
      }
      i += wanted.size();
      at = blank;
      continue;
    }
    if (at >= text_.size()) return Unclear("it does not stand where it was read");
    const bool same = node.type == Node::Type::kBool
                          ? absl::ascii_tolower(text_[at]) == node.text[i]
                          : text_[at] == node.text[i];
    if (!same) return Unclear("it does not stand where it was read");
    ++at;
    ++i;
  }
  return at;
}

absl::StatusOr<std::size_t> TextLayout::DashOf(const Node& list, const Node& item) const {
  const std::size_t begin = BeginOf(item);
  for (int line = item.line; line >= list.line; --line) {
    const std::size_t at = At(line, list.column);
    if (at < begin && text_[at] == '-') return at;
  }
  return Unclear("nobody can tell where the item begins");
}

std::size_t TextLayout::LineBegin(std::size_t at) const {
  return *std::prev(std::upper_bound(lines_.begin(), lines_.end(), at));
}

std::size_t TextLayout::LineEnd(std::size_t at) const {
  const std::size_t end = std::min(text_.find('\n', at), text_.size());
  return end > at && text_[end - 1] == '\r' ? end - 1 : end;
}

std::size_t TextLayout::NextLine(std::size_t at) const {
  const auto next = std::upper_bound(lines_.begin(), lines_.end(), at);
  return next == lines_.end() ? text_.size() : *next;
}

bool TextLayout::IsFirstInLine(std::size_t at) const {
  const std::size_t line = LineBegin(at);
  return text_.substr(line, at - line).find_first_not_of(' ') == absl::string_view::npos;
}

absl::string_view TextLayout::LineBreak(std::size_t at) const {
  std::size_t end = text_.find('\n', at);
  if (end == absl::string_view::npos) end = text_.rfind('\n');
  const bool crlf = end != absl::string_view::npos && end > 0 && text_[end - 1] == '\r';
  return crlf ? "\r\n" : "\n";
}

std::size_t TextLayout::SkipBlank(std::size_t at) const {
  while (at < text_.size()) {
    const bool is_comment = text_[at] == '#' && (at == 0 || IsBlank(text_[at - 1]));
    if (is_comment) {
      at = LineEnd(at);
    } else if (IsBlank(text_[at])) {
      ++at;
    } else {
      break;
    }
  }
  return at;
}

}  // namespace espalier
