#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/render/color.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

using v1::Action;

constexpr std::size_t kValueWidth = 160;

// How a verb is shown. Later groups destroy more.
struct VerbStyle {
  int group;
  const char* sign;
  const char* will;
  Color color;
};

VerbStyle StyleOf(Action::Verb verb) {
  switch (verb) {
    case Action::NOOP:
      return {0, "   ", "stays as it is", Color::kNone};
    case Action::CREATE:
      return {1, "  +", "will be created", Color::kGreen};
    case Action::ADOPT:
      return {2, "  ~", "will be adopted", Color::kYellow};
    case Action::UPDATE:
      return {3, "  ~", "will be updated in place", Color::kYellow};
    case Action::RELEASE:
      return {4, "  .", "will be released and stays as it is", Color::kYellow};
    case Action::REPLACE:
      return {5, "-/+", "must be replaced", Color::kRed};
    case Action::DELETE:
      return {6, "  -", "will be deleted", Color::kRed};
    default:
      return {7, "  ?", "?", Color::kNone};
  }
}

char SignOf(const v1::FieldChange& change) {
  if (!change.has_before()) return '+';
  return change.has_after() || change.unknown() ? '~' : '-';
}

class PlanWriter {
 public:
  explicit PlanWriter(const TextOptions& options) : options_(options) {}

  void Write(const Action& action) {
    const VerbStyle style = StyleOf(action.verb());
    const std::string object = Printable(ObjectText(action.ref()));
    std::string comment = absl::StrCat("  # ", object, " ", style.will);
    if (!action.reason().empty()) absl::StrAppend(&comment, ": ", Printable(action.reason()));
    if (!action.source().empty()) absl::StrAppend(&comment, " (", Printable(action.source()), ")");
    absl::StrAppend(&text_, comment, "\n", Painted(style.sign, style.color), " ", object);
    if (action.risk() > Action::LOW) {
      absl::StrAppend(&text_, "  ",
                      Painted(absl::StrCat("[", RiskWord(action.risk()), "]"), style.color));
    }
    text_ += "\n";
    WriteChanges(action, style);
    for (const std::string& forced : action.forces()) {
      absl::StrAppend(&text_, "      => ", Printable(forced), "\n");
    }
    for (const std::string& hold : action.holds()) {
      absl::StrAppend(&text_, "      ", Painted("! hold:", Color::kYellow), " ", Printable(hold),
                      "\n");
    }
    text_ += "\n";
  }

  std::string Painted(absl::string_view text, Color color) const {
    return options_.color ? Paint(text, color) : std::string(text);
  }
  std::string& text() { return text_; }

 private:
  void WriteChanges(const Action& action, const VerbStyle& style) {
    std::size_t width = 0;
    for (const v1::FieldChange& change : action.changes()) {
      width = std::max(width, TextWidth(Printable(ShortPath(change.path()))));
    }
    for (const v1::FieldChange& change : action.changes()) {
      const std::string path = Printable(ShortPath(change.path()));
      const char sign = SignOf(change);
      absl::StrAppend(&text_, "      ", Painted(absl::string_view(&sign, 1), style.color), " ",
                      path, std::string(width - TextWidth(path), ' '), " = ");
      if (sign != '+') absl::StrAppend(&text_, Printable(BeforeText(change, kValueWidth)), " -> ");
      absl::StrAppend(&text_, Printable(AfterText(change, kValueWidth)));
      if (change.forces_replace()) {
        absl::StrAppend(&text_, " ", Painted("# forces replacement", Color::kRed));
      }
      text_ += "\n";
    }
  }

  const TextOptions& options_;
  std::string text_;
};

std::string Summary(const v1::Plan& plan, const std::vector<Problem>& problems) {
  const std::string counts = PlanCounts(plan);
  const std::string unchanged =
      plan.noops() > 0 ? absl::StrCat(Count(plan.noops(), "object"), " as declared") : "";
  const bool refused = HasErrors(problems);
  std::string text;
  if (!counts.empty()) text = absl::StrCat("Plan: ", counts);
  // What is refused is more than what could be planned of it.
  if (counts.empty() && !refused) text = "No changes";
  if (!text.empty()) {
    if (!unchanged.empty()) absl::StrAppend(&text, counts.empty() ? ": " : "; ", unchanged);
    text += ".\n";
  }
  if (refused) text += "Refused: nothing is done before the errors are mended.\n";
  return text;
}

}  // namespace

std::string PlanToText(const v1::Plan& plan, const std::vector<Problem>& problems,
                       const TextOptions& options) {
  std::vector<const Action*> actions = ShownActions(plan);
  std::stable_sort(actions.begin(), actions.end(), [](const Action* a, const Action* b) {
    return StyleOf(a->verb()).group < StyleOf(b->verb()).group;
  });
  PlanWriter writer(options);
  if (!actions.empty()) writer.text() += "Espalier will do the following:\n\n";
  for (const Action* action : actions) writer.Write(*action);
  std::string& text = writer.text();
  for (const std::string& verdict : plan.capacity().verdicts()) {
    const Color color = plan.capacity().short_() ? Color::kYellow : Color::kNone;
    absl::StrAppend(&text, writer.Painted("Capacity:", color), " ", Printable(verdict), "\n");
  }
  if (plan.capacity().verdicts_size() > 0) text += "\n";
  if (!problems.empty()) absl::StrAppend(&text, ProblemsToText(problems, options), "\n");
  text += Summary(plan, problems);
  const bool agreeable = !plan.digest().empty() && !HasErrors(problems);
  if (agreeable) absl::StrAppend(&text, "Digest: ", Printable(plan.digest()), "\n");
  return text;
}

}  // namespace espalier
