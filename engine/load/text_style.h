// How a value is written so that it looks like what stands around it. Whatever comes out is read
// as the same value by ParseYaml (or ParseJson, where JSON is asked for); the habits of whoever
// wrote the document decide the rest. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/model/node.h"

namespace espalier {

struct TextStyle {
  // Keys and texts stand in quotes always.
  bool json = false;
  // Between braces or brackets.
  bool in_flow = false;
  // Columns that a map within a map is indented by, and a list below its key.
  std::size_t map_step = 2;
  std::size_t list_step = 0;
  absl::string_view line_break = "\n";
};

// The columns that the document's own maps and lists are indented by, where it has any.
void LearnSteps(const Node& document, TextStyle& style);

// A value that is no map or list in one line. `old` is how what stood there was written, beginning
// with its first byte: it stays in the same kind of quotes, or without, if it can; empty: nothing
// stood there.
std::string ScalarText(const Node& value, absl::string_view old, const TextStyle& style);

// A key.
std::string KeyText(const std::string& key, const TextStyle& style);

// Any value in one line: `{a: 1, b: [2, 3]}`.
std::string FlowText(const Node& value, const TextStyle& style);

// "key: value", with what does not fit in one line below it, as a map whose keys are indented by
// `indent` would have it; the first line without that indentation, the last one without its end.
std::string EntryText(const std::string& key, const Node& value, std::size_t indent,
                      const TextStyle& style);

// The lines of a text that begins with "|", without the first; each indented by `indent`. Nothing:
// the text cannot be written so. `chomp` is what stands behind the sign: "", "-" or "+".
struct BlockText {
  std::string chomp;
  std::string lines;
};
std::optional<BlockText> BlockTextOf(const std::string& text, std::size_t indent,
                                     absl::string_view line_break);

}  // namespace espalier
