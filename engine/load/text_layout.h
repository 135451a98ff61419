// TextLayout: where the values of a parsed document begin and end in its text. Parsers tell where
// things begin only; the ends are found by walking over what they have read. A value that is not
// found where it should be is refused, not guessed. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/model/node.h"

namespace espalier {

// Bytes from `begin` to before `end`.
struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class TextLayout {
 public:
  // `text` is what the nodes were read from, and lives longer.
  explicit TextLayout(absl::string_view text);

  absl::string_view text() const { return text_; }

  // Where a value begins, and the key of one that has a key.
  std::size_t BeginOf(const Node& node) const { return At(node.line, node.column); }
  std::size_t KeyBeginOf(const Node& node) const { return At(node.key_line, node.key_column); }

  // A whole value. FAILED_PRECONDITION: why nobody knows where it ends.
  absl::StatusOr<TextRange> RangeOf(const Node& node) const;
  // Entries of a map from their keys on, items of a list from their dashes on (in brackets: the
  // items themselves). FAILED_PRECONDITION as above.
  absl::StatusOr<std::vector<TextRange>> ChildrenOf(const Node& node) const;
  // Whether a map or list is written in braces or brackets.
  bool IsFlow(const Node& node) const;

  // Of the line that `at` is in: its first byte, the byte behind its last one (before the line
  // break), and the first byte of the next line (the end of the text, if there is none).
  std::size_t LineBegin(std::size_t at) const;
  std::size_t LineEnd(std::size_t at) const;
  std::size_t NextLine(std::size_t at) const;
  // Only spaces stand before `at` in its line.
  bool IsFirstInLine(std::size_t at) const;
  // How the line of `at` ends, or else how lines of the text do: "\n" or "\r\n".
  absl::string_view LineBreak(std::size_t at) const;
  // Behind spaces, line breaks and comments.
  std::size_t SkipBlank(std::size_t at) const;

 private:
  std::size_t At(int line, int column) const;
  absl::StatusOr<std::size_t> EndOf(const Node& node) const;
  absl::StatusOr<std::size_t> EndOfFlow(const Node& node) const;
  absl::StatusOr<std::size_t> EndOfBlockText(std::size_t begin) const;
  absl::StatusOr<std::size_t> EndOfPlain(std::size_t begin, const Node& node) const;
  absl::StatusOr<std::size_t> DashOf(const Node& list, const Node& item) const;

  const absl::string_view text_;
  std::vector<std::size_t> lines_;
};

}  // namespace espalier
