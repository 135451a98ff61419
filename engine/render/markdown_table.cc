#include "engine/render/markdown_table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

std::string Row(const std::vector<std::string>& cells) {
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
}

}  // namespace

MarkdownTable::MarkdownTable(const std::vector<std::string>& headers, std::size_t room)
    : room_(room), head_(Row(headers)) {
  for (std::size_t i = 0; i < headers.size(); ++i) head_ += "|---";
  head_ += "|\n";
}

void MarkdownTable::AddRow(const std::vector<std::string>& cells) {
  const std::string row = Row(cells);
  if (left_out_ > 0 || rows_.size() + row.size() > room_) {
    ++left_out_;
  } else {
    rows_ += row;
  }
}

std::string MarkdownTable::ToMarkdown() const {
  if (rows_.empty() && left_out_ == 0) return "";
  std::string text = absl::StrCat(head_, rows_);
  if (left_out_ > 0) absl::StrAppend(&text, "\n… and ", Count(left_out_, "more row"), ".\n");
  return text;
}

}  // namespace espalier
