#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/codec.h"
#include "engine/render/markdown_table.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

using v1::Action;

constexpr std::size_t kValueWidth = 60;
// Changes named in one cell.
constexpr int kChanges = 12;

std::string VerbText(Action::Verb verb) {
  switch (verb) {
    case Action::CREATE:
      return "+ create";
    case Action::UPDATE:
      return "~ update";
    case Action::REPLACE:
      return "-/+ replace";
    case Action::DELETE:
      return "- delete";
    case Action::ADOPT:
      return "~ adopt";
    case Action::RELEASE:
      return ". release";
    default:
      return "stays";
  }
}

std::string RiskCell(Action::Risk risk) {
  const std::string word = RiskWord(risk);
  return risk > Action::LOW ? absl::StrCat("**", word, "**") : word;
}

std::string ChangesCell(const Action& action) {
  std::vector<std::string> lines;
  for (const v1::FieldChange& change : action.changes()) {
    if (static_cast<int>(lines.size()) == kChanges) {
      lines.push_back(absl::StrCat("… and ", action.changes_size() - kChanges, " more"));
      break;
    }
    lines.push_back(absl::StrCat(MarkdownText(ChangeText(change, kValueWidth)),
                                 change.forces_replace() ? " (forces replacement)" : ""));
  }
  for (const std::string& forced : action.forces()) {
    lines.push_back(absl::StrCat("⇒ ", MarkdownText(forced)));
  }
  return absl::StrJoin(lines, "<br>");
}

std::string WhyCell(const Action& action) {
  std::vector<std::string> lines;
  if (!action.reason().empty()) lines.push_back(MarkdownText(action.reason()));
  for (const std::string& hold : action.holds()) {
    lines.push_back(absl::StrCat("hold: ", MarkdownText(hold)));
  }
  return absl::StrJoin(lines, "<br>");
}

std::string DeclaredCell(const Action& action, const MarkdownOptions& options) {
  std::string text = MarkdownText(action.source());
  const std::string url =
      options.link == nullptr || text.empty() ? std::string() : options.link(action);
  return url.empty() ? text : absl::StrCat("[", text, "](", url, ")");
}

}  // namespace

std::string PlanToMarkdown(const v1::Plan& plan, const std::vector<Problem>& problems,
                           const MarkdownOptions& options) {
  std::vector<const Action*> actions = ShownActions(plan);
  std::stable_sort(actions.begin(), actions.end(),
                   [](const Action* a, const Action* b) { return a->risk() > b->risk(); });
  const std::string counts = PlanCounts(plan);
  std::string text = absl::StrCat(
      "### ", options.title.empty() ? "Plan" : MarkdownText(options.title), ": ",
      HasErrors(problems) ? "refused" : (counts.empty() ? "no changes" : counts), "\n\n");
  // What may stand in the way is read first. Notes may be about everything that is declared: they
  // come when it is clear what is going to happen.
  std::vector<Problem> first;
  std::vector<Problem> last;
  std::partition_copy(problems.begin(), problems.end(), std::back_inserter(last),
                      std::back_inserter(first),
                      [](const Problem& problem) { return problem.severity() == Problem::NOTE; });
  const std::string notes = ProblemsToMarkdown(last);
  if (!first.empty()) absl::StrAppend(&text, ProblemsToMarkdown(first), "\n");
  for (const std::string& verdict : plan.capacity().verdicts()) {
    absl::StrAppend(&text, "- ", plan.capacity().short_() ? "**capacity**: " : "capacity: ",
                    MarkdownText(verdict), "\n");
  }
  if (plan.capacity().verdicts_size() > 0) text += "\n";

  const std::size_t taken = text.size() + notes.size();
  const std::size_t room = options.max_bytes > taken ? options.max_bytes - taken : 0;
  MarkdownTable table({"risk", "action", "object", "changes", "why", "declared"}, room);
  for (const Action* action : actions) {
    table.AddRow({RiskCell(action->risk()), VerbText(action->verb()),
                  MarkdownText(ObjectText(action->ref())), ChangesCell(*action), WhyCell(*action),
                  DeclaredCell(*action, options)});
  }
  if (!actions.empty()) absl::StrAppend(&text, table.ToMarkdown(), "\n");
  if (!notes.empty()) absl::StrAppend(&text, notes, "\n");
  absl::StrAppend(&text, Count(plan.noops(), "object"), " as declared.");
  if (!plan.digest().empty()) absl::StrAppend(&text, " Digest ", MarkdownText(plan.digest()), ".");
  text += "\n";
  return text;
}

std::string PlanToJson(const v1::ApplyResult& result) {
  // Appended, not copied: of ten thousand objects it has 16 MB.
  return MessageToJson(result, Indent::kTwo) + "\n";
}

}  // namespace espalier
