#include "reconciler/review/review_text.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/ref.h"
#include "engine/render/render.h"
#include "engine/render/safe_text.h"
#include "engine/render/words.h"
#include "reconciler/conditions.h"
#include "reconciler/review/command.h"
#include "reconciler/review/marker.h"

namespace espalier {
namespace {

// Digests as people copy them; all of it stands below the plan.
constexpr std::size_t kDigestShown = 12;
// What a command's help, a heading and what follows the plan may take beside it.
constexpr std::size_t kAroundPlan = 4000;
// Objects that a short text names.
constexpr std::size_t kNamed = 10;
// Letters of a reason or a failure; who wants to know all asks the engine.
constexpr std::size_t kReason = 1000;
// Lines that get a note: who has more problems reads the comment.
constexpr std::size_t kNotes = 50;

std::string Short(const std::string& commit) { return commit.substr(0, 7); }

// The front of a text, never half of a letter.
std::string Cut(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), "…");
}

CommitStatus StatusOf(const ReviewFindings& findings) {
  CommitStatus status;
  status.context = PlanContext(findings.source);
  status.url = findings.plan_url;
  const std::string refused =
      HasErrors(findings.problems) ? Printable(ProblemCounts(findings.problems)) : std::string();
  switch (findings.stage) {
    case ReviewStage::kReading:
      status.state = CommitStatus::State::kPending;
      status.description = "planning";
      break;
    case ReviewStage::kUnread:
      status.state = CommitStatus::State::kError;
      status.description = Printable(findings.failure);
      break;
    case ReviewStage::kUnrelated:
      status.state = CommitStatus::State::kSuccess;
      status.description = "nothing of this source is touched";
      break;
    case ReviewStage::kValidated:
      status.state =
          refused.empty() ? CommitStatus::State::kPending : CommitStatus::State::kFailure;
      status.description = refused.empty() ? "valid; a maintainer has to ask for the plan"
                                           : absl::StrCat("invalid: ", refused);
      break;
    case ReviewStage::kPlanned:
      status.state =
          refused.empty() ? CommitStatus::State::kSuccess : CommitStatus::State::kFailure;
      status.description =
          refused.empty() ? PlanSummary(findings.plan) : absl::StrCat("refused: ", refused);
      break;
  }
  return status;
}

std::string Footer(const ReviewFindings& findings) {
  std::string text;
  if (!findings.suspended.empty()) {
    absl::StrAppend(&text, "\n**Nothing is applied at present**: ",
                    MarkdownText(Shortened(findings.suspended, kReason)), "\n");
  }
  if (!findings.plan_url.empty()) {
    absl::StrAppend(&text, "\n[The whole plan](", findings.plan_url, ")\n");
  }
  absl::StrAppend(&text, "\n<details><summary>Commands</summary>\n\n", CommandHelp(),
                  "\n</details>\n");
  return text;
}

std::string Validated(const ReviewFindings& findings) {
  std::string text = absl::StrCat("### ", MarkdownText(findings.source), " at ",
                                  Short(findings.pull_request.head_sha), ": ");
  if (HasErrors(findings.problems)) {
    absl::StrAppend(&text, ProblemCounts(findings.problems), "\n\n",
                    ProblemsToMarkdown(findings.problems));
  } else {
    absl::StrAppend(&text, "valid, ", Count(findings.objects, "object"), " in ",
                    Count(findings.files, "file"), "\n");
    if (!findings.problems.empty()) {
      absl::StrAppend(&text, "\n", ProblemsToMarkdown(findings.problems));
    }
  }
  absl::StrAppend(&text,
                  "\nThis was checked without a look at the fleet. Somebody who may write to the "
                  "project gets the plan by `/espalier plan ",
                  Short(findings.pull_request.head_sha), "`.\n");
  return text;
}

std::string Planned(const ReviewFindings& findings, const ForgeTraits& traits) {
  MarkdownOptions options;
  options.title =
      absl::StrCat("Plan of ", findings.source, " at ", Short(findings.pull_request.head_sha));
  options.max_bytes = traits.comment_bytes - std::min(traits.comment_bytes / 2, kAroundPlan);
  options.link = findings.link;
  std::string text = PlanToMarkdown(findings.plan, findings.problems, options);
  if (findings.drift.rows_size() > 0 && text.size() < options.max_bytes) {
    MarkdownOptions drift;
    drift.title = "Drift of what it touches";
    drift.max_bytes = options.max_bytes - text.size();
    absl::StrAppend(&text, "\n", DriftToMarkdown(findings.drift, drift));
  }
  return text;
}

std::string CommentOf(const ReviewFindings& findings, const ForgeTraits& traits) {
  switch (findings.stage) {
    case ReviewStage::kUnread:
      return absl::StrCat("### ", MarkdownText(findings.source), " at ",
                          Short(findings.pull_request.head_sha), ": cannot be read\n\n",
                          MarkdownText(Shortened(findings.failure, kReason)), "\n");
    case ReviewStage::kValidated:
      return Validated(findings);
    case ReviewStage::kPlanned:
      return absl::StrCat(Planned(findings, traits), Footer(findings));
    default:
      return "";
  }
}

std::vector<LineNote> NotesOf(const ReviewFindings& findings) {
  std::vector<LineNote> notes;
  for (const Problem& problem : findings.problems) {
    if (problem.file().empty() || problem.line() <= 0 || notes.size() == kNotes) continue;
    LineNote& note = notes.emplace_back();
    switch (problem.severity()) {
      case Problem::ERROR:
        note.level = LineNote::Level::kFailure;
        break;
      case Problem::WARNING:
        note.level = LineNote::Level::kWarning;
        break;
      default:
        note.level = LineNote::Level::kNotice;
        break;
    }
    note.path = problem.file();
    note.first_line = note.last_line = problem.line();
    note.title = problem.code();
    note.message = problem.path().empty() ? Printable(problem.message())
                                          : absl::StrCat(Printable(problem.path()), ": ",
                                                         Printable(problem.message()));
  }
  return notes;
}

CheckRun CheckOf(const ReviewFindings& findings, const CommitStatus& status,
                 const std::string& comment) {
  CheckRun check;
  check.name = PlanContext(findings.source);
  check.head_sha = findings.pull_request.head_sha;
  switch (status.state) {
    case CommitStatus::State::kPending:
      // Waiting for a person is not being under way: a run that never ends would look stuck.
      check.conclusion = findings.stage == ReviewStage::kReading ? CheckRun::Conclusion::kNone
                                                                 : CheckRun::Conclusion::kNeutral;
      break;
    case CommitStatus::State::kSuccess:
      check.conclusion = CheckRun::Conclusion::kSuccess;
      break;
    default:
      check.conclusion = CheckRun::Conclusion::kFailure;
      break;
  }
  const bool asks =
      std::any_of(findings.problems.begin(), findings.problems.end(),
                  [](const Problem& problem) { return problem.code() == "budget_exceeded"; });
  if (asks) check.conclusion = CheckRun::Conclusion::kActionRequired;
  check.title = status.description;
  check.summary = comment.empty() ? status.description : comment;
  check.details_url = findings.plan_url;
  check.external_id = findings.plan.digest();
  check.notes = NotesOf(findings);
  return check;
}

// The digest as it is written where people copy it from.
std::string ShortDigest(const std::string& digest) { return digest.substr(0, kDigestShown); }

std::vector<std::string> NotIn(const std::vector<std::string>& these,
                               const std::vector<std::string>& those) {
  std::vector<std::string> missing;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                      std::back_inserter(missing));
  return missing;
}

// How what is done differs from what was shown.
std::string Comparison(const MergeOutcome& result) {
  if (result.shown.digest.empty())
    return "No plan of it is known to have been shown before the merge.\n";
  if (result.shown.digest == result.plan.digest()) {
    return absl::StrCat("It is exactly the plan that was shown (`",
                        ShortDigest(result.shown.digest), "`).\n");
  }
  std::string text =
      absl::StrCat("It is not the plan that was shown (`", ShortDigest(result.shown.digest),
                   "`): something else changed meanwhile.\n");
  const std::vector<std::string> more = NotIn(DestroyedBy(result.plan), result.shown.destroys);
  for (std::size_t i = 0; i < std::min(more.size(), kNamed); ++i) {
    absl::StrAppend(&text, "- newly destroyed: ", MarkdownText(Shortened(more[i], kReason / 10)),
                    "\n");
  }
  if (more.size() > kNamed) {
    absl::StrAppend(&text, "- newly destroyed: ", more.size() - kNamed, " more\n");
  }
  return text;
}

}  // namespace

std::string ReviewKey(const std::string& source) { return absl::StrCat("plan/", source); }

std::string PlanContext(const std::string& source) {
  return absl::StrCat("espalier/plan/", source);
}

std::string ApplyContext(const std::string& source) {
  return absl::StrCat("espalier/apply/", source);
}

std::vector<std::string> DestroyedBy(const Plan& plan) {
  std::vector<std::string> destroyed;
  for (const v1::Action& action : plan.actions()) {
    if (action.risk() == v1::Action::DESTRUCTIVE) destroyed.push_back(ObjectText(action.ref()));
  }
  std::sort(destroyed.begin(), destroyed.end());
  return destroyed;
}

Surface SurfaceOf(const ReviewFindings& findings, const ForgeTraits& traits) {
  Surface surface;
  surface.number = findings.pull_request.number;
  surface.commit = findings.pull_request.head_sha;
  surface.revision = findings.revision;
  surface.reading = findings.stage == ReviewStage::kReading;
  CommitStatus status = StatusOf(findings);
  status.description = Cut(status.description, traits.status_bytes);
  surface.statuses.push_back({.sha = surface.commit, .status = status});
  const std::string text = CommentOf(findings, traits);
  if (!text.empty()) {
    surface.comment = absl::StrCat(MarkerLine({.key = ReviewKey(findings.source),
                                               .commit = surface.commit,
                                               .digest = findings.plan.digest(),
                                               .revision = surface.revision}),
                                   "\n", text);
  }
  surface.check = CheckOf(findings, status, text);
  surface.with_check = traits.check_runs;
  for (LineNote& note : NotesOf(findings)) {
    if (findings.in_diff == nullptr || findings.in_diff(note.path, note.first_line)) {
      surface.notes.push_back(std::move(note));
    }
  }
  if (findings.stage == ReviewStage::kPlanned && !HasErrors(findings.problems)) {
    surface.plan = {.commit = surface.commit,
                    .digest = findings.plan.digest(),
                    .destroys = DestroyedBy(findings.plan)};
  }
  return surface;
}

std::string WorseningText(const ReviewFindings& findings, const ReadPlan& before,
                          const ReadPlan& now) {
  const std::string plan = absl::StrCat("The plan of ", MarkdownText(findings.source), " at ",
                                        Short(findings.pull_request.head_sha));
  if (now.refused && !before.refused) {
    return absl::StrCat(plan, " is refused now: ", ProblemCounts(findings.problems), ".\n");
  }
  std::vector<std::string> more = NotIn(now.destroys, before.destroys);
  if (more.empty()) return "";
  const std::size_t all = more.size();
  more.resize(std::min(all, kNamed));
  std::string text =
      absl::StrCat(plan, " now **destroys** ", before.destroys.empty() ? "" : "also ",
                   MarkdownText(absl::StrJoin(more, ", ")));
  if (all > more.size()) absl::StrAppend(&text, " and ", all - more.size(), " more");
  return absl::StrCat(text, ".\n");
}

Surface SurfaceOf(const MergeOutcome& result, const ForgeTraits& traits) {
  Surface surface;
  surface.number = result.pull_request.number;
  surface.commit = result.pull_request.head_sha;
  surface.revision = result.revision;
  surface.plan = result.shown;
  CommitStatus status;
  status.context = ApplyContext(result.source);
  std::string heading = absl::StrCat("### ", MarkdownText(result.source), ": merged as ",
                                     Short(result.pull_request.merge_sha), ", ");
  switch (result.stage) {
    case MergeOutcome::Stage::kWaiting:
      status.state = CommitStatus::State::kPending;
      status.description = Printable(result.reason);
      absl::StrAppend(&heading, "not applied yet\n\n",
                      MarkdownText(Shortened(result.reason, kReason)), "\n");
      break;
    case MergeOutcome::Stage::kStopped:
      status.state = CommitStatus::State::kFailure;
      status.description = Printable(result.reason);
      absl::StrAppend(&heading, "**stopped**\n\n", MarkdownText(Shortened(result.reason, kReason)),
                      "\n\n", Comparison(result));
      if (!result.plan.digest().empty()) {
        absl::StrAppend(&heading,
                        "\nWho may write to the project lets it happen by `/espalier "
                        "confirm ",
                        ShortDigest(result.plan.digest()), "`.\n");
      }
      break;
    case MergeOutcome::Stage::kApplied:
      status.state = CommitStatus::State::kSuccess;
      surface.final = true;
      if (!result.plan_known) {
        status.description = "applied; what it did is not known any more";
        absl::StrAppend(&heading, "applied\n\nWhat it did is not known any more.\n");
        break;
      }
      status.description = PlanSummary(result.plan);
      absl::StrAppend(&heading, "applied: ", PlanSummary(result.plan), "\n\n");
      if (result.applied_commit != result.pull_request.merge_sha) {
        absl::StrAppend(&heading, "It was applied with what came after it, as ",
                        Short(result.applied_commit), ".\n");
      }
      absl::StrAppend(&heading, Comparison(result));
      break;
  }
  status.description = Cut(status.description, traits.status_bytes);
  surface.statuses.push_back({.sha = result.pull_request.merge_sha, .status = status});
  std::string text = heading;
  if (result.plan.actions_size() > 0 || result.plan.noops() > 0) {
    MarkdownOptions options;
    options.title = result.stage == MergeOutcome::Stage::kApplied ? "What was done" : "The plan";
    options.max_bytes = traits.comment_bytes - std::min(traits.comment_bytes / 2, kAroundPlan);
    absl::StrAppend(&text, "\n", PlanToMarkdown(result.plan, {}, options));
  }
  surface.comment = absl::StrCat(MarkerLine({.key = ReviewKey(result.source),
                                             .commit = surface.commit,
                                             .digest = result.plan.digest(),
                                             .revision = surface.revision}),
                                 "\n", text);
  return surface;
}

Surface SurfaceOfClosed(const std::string& source, const PullRequest& pull_request) {
  Surface surface;
  surface.number = pull_request.number;
  surface.commit = pull_request.head_sha;
  surface.final = true;
  CommitStatus status;
  status.context = PlanContext(source);
  status.state = CommitStatus::State::kSuccess;
  status.description = pull_request.state == PullRequest::State::kOpen
                           ? "goes into another branch now"
                           : "closed without a merge";
  surface.statuses.push_back({.sha = surface.commit, .status = status});
  return surface;
}

std::string DriftIssueBody(const std::string& source, const DriftReport& report) {
  if (report.rows_size() == 0) return "";
  MarkdownOptions options;
  options.title = absl::StrCat("Drift of ", source);
  return absl::StrCat(
      MarkerLine({.key = absl::StrCat("drift/", source)}), "\n", DriftToMarkdown(report, options),
      "\nThis issue is written anew when something changes, and closed when nothing "
      "is left of it. Who may write to the project has the branch declare what was changed by "
      "`/espalier accept-drift` in a comment here: it opens a pull request.\n");
}

}  // namespace espalier
