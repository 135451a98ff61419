// Table: aligned columns for terminals. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/model/kind.h"
#include "engine/render/safe_text.h"

namespace espalier {

class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

  // One cell per header; missing ones are empty. Cells are made Printable: names and messages come
  // from outside.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Header and rows, two spaces between columns, nothing after the last one, each line ended.
  std::string ToText() const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

// The table of objects of one kind, with the columns that the model gives it; `wide`: with those
// that are wide only. AGE is counted to `now`. REQUIRES: all objects are of this kind.
std::string ObjectsTable(const KindInfo& kind, const std::vector<Resource>& objects, bool wide,
                         absl::Time now);

}  // namespace espalier
