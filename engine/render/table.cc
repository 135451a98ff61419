#include "engine/render/table.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/model/field.h"

namespace espalier {

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(headers_.size());
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::ToText() const {
  std::vector<std::size_t> widths;
  for (const std::string& header : headers_) widths.push_back(TextWidth(header));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], TextWidth(row[i]));
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      line += cells[i];
      if (i + 1 < cells.size()) line.append(widths[i] - TextWidth(cells[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  };
  add_line(headers_);
  for (const auto& row : rows_) add_line(row);
  return text;
}

std::string ObjectsTable(const KindInfo& kind, const std::vector<Resource>& objects, bool wide,
                         absl::Time now) {
  std::vector<ColumnInfo> columns = ColumnsOf(kind);
  columns.erase(std::remove_if(columns.begin(), columns.end(),
                               [&](const ColumnInfo& column) { return column.wide && !wide; }),
                columns.end());
  std::vector<std::string> headers;
  for (const ColumnInfo& column : columns) headers.push_back(column.header);
  Table table(std::move(headers));
  for (const Resource& object : objects) {
    ESPALIER_CHECK(object.body_case() == kind.kind);
    std::vector<std::string> cells;
    for (const ColumnInfo& column : columns) cells.push_back(CellOf(column, object, now));
    table.AddRow(std::move(cells));
  }
  return table.ToText();
}

}  // namespace espalier
