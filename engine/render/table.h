// Table: aligned columns for terminals. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace espalier {

class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

  // One cell per header; missing ones are empty. Control characters and terminal escapes in a cell are
  // shown as "?": names and messages come from outside.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Header and rows, two spaces between columns, nothing after the last one, each line ended.
  std::string ToText() const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

// `text` without control characters, on one line.
std::string Printable(absl::string_view text);

}  // namespace espalier
