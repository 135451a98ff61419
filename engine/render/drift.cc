#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "engine/model/codec.h"
#include "engine/render/markdown_table.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

constexpr std::size_t kValueWidth = 60;

std::string WhatText(const v1::DriftRow& row) {
  if (row.changes_size() == 0) return absl::StrReplaceAll(row.detail(), {{" -> ", " → "}});
  std::vector<std::string> parts;
  for (const v1::FieldChange& change : row.changes())
    parts.push_back(ChangeText(change, kValueWidth));
  return absl::StrJoin(parts, ", ");
}

std::string CoverageText(const v1::DriftReport& report) {
  return absl::StrCat(report.managed(), " of ", report.total(), " managed");
}

}  // namespace

std::string DriftToText(const v1::DriftReport& report, const TextOptions& options) {
  Table table({"DRIFT", "OBJECT", "WHAT", "WHO", "NEXT"});
  for (const v1::DriftRow& row : report.rows()) {
    table.AddRow({ClassText(row), ObjectText(row.ref()), WhatText(row), WhoText(row, options.now),
                  WithShortTimes(row.next(), options.now)});
  }
  return absl::StrCat(table.empty() ? "" : absl::StrCat(table.ToText(), "\n"),
                      "Drift: ", DriftCounts(report), "; ", CoverageText(report), ".\n");
}

std::string DriftToMarkdown(const v1::DriftReport& report, const MarkdownOptions& options) {
  std::string text =
      absl::StrCat("### ", options.title.empty() ? "Drift" : MarkdownText(options.title), ": ",
                   DriftCounts(report), "; ", CoverageText(report), "\n");
  const std::size_t room = options.max_bytes > text.size() ? options.max_bytes - text.size() : 0;
  MarkdownTable table({"drift", "object", "what", "who", "next"}, room);
  for (const v1::DriftRow& row : report.rows()) {
    table.AddRow({MarkdownText(ClassText(row)), MarkdownText(ObjectText(row.ref())),
                  MarkdownText(WhatText(row)), MarkdownText(WhoText(row, options.now)),
                  MarkdownText(WithShortTimes(row.next(), options.now))});
  }
  if (report.rows_size() > 0) absl::StrAppend(&text, "\n", table.ToMarkdown());
  return text;
}

std::string DriftToJson(const v1::DriftReport& report) {
  return absl::StrCat(MessageToJson(report, Indent::kTwo), "\n");
}

}  // namespace espalier
