// Render: what the engine answers, as text for terminals, as Markdown for pull requests, and as
// JSON for programs. Pure: the same answer always gives the same bytes. Whatever comes from outside
// is made harmless on the way (safe_text.h).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "engine/model/problem.h"
#include "engine/model/writer.h"
#include "engine/render/table.h"
#include "espalier/v1/plan.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

struct TextOptions {
  // Colours by terminal escapes.
  bool color = false;
  // Times of this day (in UTC) are written without it.
  absl::Time now = absl::InfinitePast();
};

struct MarkdownOptions {
  // What the heading begins with, "Plan of prod at 3f2a91c"; taken for plain text. Empty: "Plan",
  // "Drift".
  std::string title;
  // Rows that would make it longer are counted instead: forges cut comments off at 65,536 bytes.
  std::size_t max_bytes = 60000;
  // As in TextOptions.
  absl::Time now = absl::InfinitePast();
};

// Reads like Terraform's plans: `+` create, `~` update, `-/+` replace, `-` delete. What destroys
// comes last, next to the summary, where the eye is when the text has scrolled by.
std::string PlanToText(const v1::Plan& plan, const std::vector<Problem>& problems,
                       const TextOptions& options = {});
// A heading with the counts, problems, and one row per action, those with the highest risk first.
std::string PlanToMarkdown(const v1::Plan& plan, const std::vector<Problem>& problems,
                           const MarkdownOptions& options = {});
// Plan, problems and what was stored.
std::string PlanToJson(const v1::ApplyResult& result);

std::string DriftToText(const v1::DriftReport& report, const TextOptions& options = {});
// One row per difference:
// | changed | vm ci/signing | cpu 4 → 8 | ana, CLI override "INC-91", 01:12Z | held until 05:12Z |
std::string DriftToMarkdown(const v1::DriftReport& report, const MarkdownOptions& options = {});
std::string DriftToJson(const v1::DriftReport& report);

// One line each, "fleet.yaml:12:7: error: spec.cpu: ...", and a last one with their number. Empty
// for none.
std::string ProblemsToText(const std::vector<Problem>& problems, const TextOptions& options = {});
// A table. Empty for none.
std::string ProblemsToMarkdown(const std::vector<Problem>& problems);

// The fleet in one line: "47 of 48 hosts ready · 12 VMs: 10 running, 2 pending · 6 of 6 cached
// images ready · drift: 1 changed".
std::string StatusLine(const std::vector<Resource>& objects, const v1::DriftReport& drift);
// The same numbers for programs, as one map.
void WriteStatus(const std::vector<Resource>& objects, const v1::DriftReport& drift,
                 DocumentWriter& writer);

}  // namespace espalier
