// Text from outside (names, messages, reasons, what guests report) on its way to a terminal or into
// a forge's Markdown: it is shown, never obeyed. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

// For terminals, on one line: line breaks and tabs become spaces; control characters, escapes,
// invisible characters, those that turn the direction of writing, and invalid UTF-8 become "?".
std::string Printable(absl::string_view text);

// For Markdown, also inside a cell of a table: the same, and nothing in it is markup, HTML, a link,
// a mention of a user or a reference to an issue.
std::string MarkdownText(absl::string_view text);

// At most `max` characters; "…" stands for the rest. REQUIRES: max > 0.
std::string Shortened(absl::string_view text, std::size_t max);

// Columns of a terminal that the text takes.
std::size_t TextWidth(absl::string_view text);

}  // namespace espalier
