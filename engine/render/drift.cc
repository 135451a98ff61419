#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "engine/model/encode.h"
#include "engine/model/field.h"
#include "engine/render/markdown_table.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

constexpr std::size_t kValueWidth = 60;
// Of the document for programs: another one when what is there changes its meaning.
constexpr std::int64_t kDriftVersion = 1;

// Of what nobody knows, `now` says for how long; without it that is left out.
std::string WhatText(const v1::DriftRow& row, absl::Time now) {
  if (row.class_() == v1::DriftRow::UNKNOWN && row.has_since() && now != absl::InfinitePast()) {
    return absl::StrCat(row.detail(), ", unknown for ", AgeText(row.since(), now));
  }
  if (row.changes_size() == 0) return absl::StrReplaceAll(row.detail(), {{" -> ", " → "}});
  std::vector<std::string> parts;
  for (const v1::FieldChange& change : row.changes())
    parts.push_back(ChangeText(change, kValueWidth));
  return absl::StrJoin(parts, ", ");
}

// Rounded down: 100 is all. Where there is nothing, nothing is unmanaged.
std::uint32_t CoveredPercent(const v1::DriftReport& report) {
  if (report.total() == 0) return 100;
  return static_cast<std::uint32_t>(std::uint64_t{report.managed()} * 100 / report.total());
}

std::string CoverageText(const v1::DriftReport& report) {
  return absl::StrCat(report.managed(), " of ", report.total(), " managed (",
                      CoveredPercent(report), " %)");
}

}  // namespace

std::string DriftToText(const v1::DriftReport& report, const TextOptions& options) {
  Table table({"DRIFT", "OBJECT", "WHAT", "WHO", "NEXT"});
  for (const v1::DriftRow& row : report.rows()) {
    table.AddRow({ClassText(row), ObjectText(row.ref()), WhatText(row, options.now),
                  WhoText(row, options.now), WithShortTimes(row.next(), options.now)});
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
                  // An age would make another text of it each minute: the time stands in `who`.
                  MarkdownText(WhatText(row, absl::InfinitePast())),
                  MarkdownText(WhoText(row, options.now)),
                  MarkdownText(WithShortTimes(row.next(), options.now))});
  }
  if (report.rows_size() > 0) absl::StrAppend(&text, "\n", table.ToMarkdown());
  return text;
}

void WriteDrift(const v1::DriftReport& report, absl::Time checked_at, DocumentWriter& writer) {
  const auto number = [&](absl::string_view key, std::int64_t value) {
    writer.Key(key);
    writer.Literal(absl::StrCat(value));
  };
  writer.BeginMap();
  number("version", kDriftVersion);
  writer.Member("checked_at",
                absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", checked_at, absl::UTCTimeZone()));
  number("revision", report.revision());
  writer.Key("coverage");
  writer.BeginMap();
  number("managed", report.managed());
  number("total", report.total());
  number("percent", CoveredPercent(report));
  writer.EndMap();
  writer.Key("rows");
  writer.BeginList();
  for (const v1::DriftRow& row : report.rows()) WriteMessage(row, writer);
  writer.EndList();
  writer.EndMap();
}

std::string DriftToJson(const v1::DriftReport& report, absl::Time checked_at, Indent indent) {
  std::string json;
  WriteDrift(report, checked_at, *MakeJsonWriter(indent, json));
  return json + "\n";
}

}  // namespace espalier
