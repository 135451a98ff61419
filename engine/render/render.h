// Render: what the engine answers, as text for terminals, as Markdown for pull requests, and as
// JSON for programs. Pure: the same answer always gives the same bytes. Whatever comes from outside
// is made harmless on the way (safe_text.h).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "engine/model/problem.h"
#include "engine/model/writer.h"
#include "engine/render/table.h"
#include "espalier/v1/audit_service.pb.h"
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
  // The address of where an action's object is declared; null or empty: none.
  std::function<std::string(const v1::Action& action)> link;
};

// Reads like Terraform's plans: `+` create, `~` update, `-/+` replace, `-` delete. What destroys
// comes last, next to the summary, where the eye is when the text has scrolled by.
std::string PlanToText(const v1::Plan& plan, const std::vector<Problem>& problems,
                       const TextOptions& options = {});
// Takes out the actions that none of these shows: what stays as declared is only counted. A large
// plan of a small change is small then.
void KeepShownActions(v1::Plan& plan);
// A heading with the counts, errors and warnings, one row per action, those with the highest risk
// first, and notes.
std::string PlanToMarkdown(const v1::Plan& plan, const std::vector<Problem>& problems,
                           const MarkdownOptions& options = {});
// Plan, problems and what was stored.
std::string PlanToJson(const v1::ApplyResult& result);

std::string DriftToText(const v1::DriftReport& report, const TextOptions& options = {});
// One row per difference:
// | changed | vm ci/signing | cpu 4 → 8 | ana, CLI override "INC-91", 01:12Z | held until 05:12Z |
std::string DriftToMarkdown(const v1::DriftReport& report, const MarkdownOptions& options = {});
// The document for programs: version, checked_at, revision, coverage {managed, total, percent} and
// the rows. `checked_at`: when the engine was asked.
std::string DriftToJson(const v1::DriftReport& report, absl::Time checked_at,
                        Indent indent = Indent::kTwo);
void WriteDrift(const v1::DriftReport& report, absl::Time checked_at, DocumentWriter& writer);

// The audit trail: when, who, through what, what, to which object, which fields, why.
Table AuditTable(const std::vector<v1::AuditEntry>& entries);

// One line each, "fleet.yaml:12:7: error: spec.cpu: ...", and a last one with their number. Empty
// for none.
std::string ProblemsToText(const std::vector<Problem>& problems, const TextOptions& options = {});
// One of those lines, with its code in brackets and without a line feed.
std::string ProblemToText(const Problem& problem, const TextOptions& options = {});
// Workflow commands of GitHub Actions, one line each, which annotate the line of the file:
// "::error file=fleet.yaml,line=12,col=7,title=unknown_field::spec.cpu: ...".
std::string ProblemsToGitHub(const std::vector<Problem>& problems);
// A table. Empty for none.
std::string ProblemsToMarkdown(const std::vector<Problem>& problems);

// The fleet in one line: "47 of 48 hosts ready · 12 VMs: 10 running, 2 pending · 6 of 6 cached
// images ready · drift: 1 changed".
std::string StatusLine(const std::vector<Resource>& objects, const v1::DriftReport& drift);
// The same numbers for programs, as one map.
void WriteStatus(const std::vector<Resource>& objects, const v1::DriftReport& drift,
                 DocumentWriter& writer);

}  // namespace espalier
