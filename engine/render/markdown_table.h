// MarkdownTable: rows of a table in Markdown, within a bound of bytes. Internal to this folder.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace espalier {

class MarkdownTable {
 public:
  // `room`: bytes that the rows may take.
  MarkdownTable(const std::vector<std::string>& headers, std::size_t room);

  // Cells are Markdown already (MarkdownText and what is put around it). A row that finds no room
  // is counted only, and so are all after it.
  void AddRow(const std::vector<std::string>& cells);

  // The table, and how many rows were left out. Empty without rows.
  std::string ToMarkdown() const;

 private:
  const std::size_t room_;
  std::string head_;
  std::string rows_;
  std::size_t left_out_ = 0;
};

}  // namespace espalier
