#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/render/color.h"
#include "engine/render/markdown_table.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

// Bytes of a table of problems: the first ones are what a person mends first.
constexpr std::size_t kRoom = 20000;

std::string SeverityWord(Problem::Severity severity) {
  switch (severity) {
    case Problem::WARNING:
      return "warning";
    case Problem::NOTE:
      return "note";
    default:
      return "error";
  }
}

Color ColorOf(Problem::Severity severity) {
  if (severity == Problem::NOTE) return Color::kNone;
  return severity == Problem::WARNING ? Color::kYellow : Color::kRed;
}

std::string PlaceText(const Problem& problem) {
  std::string text = problem.file();
  if (problem.line() > 0) absl::StrAppend(&text, ":", problem.line());
  if (problem.column() > 0) absl::StrAppend(&text, ":", problem.column());
  return text;
}

}  // namespace

std::string ProblemsToText(const std::vector<Problem>& problems, const TextOptions& options) {
  if (problems.empty()) return "";
  std::string text;
  for (const Problem& problem : problems) {
    std::string line = Printable(ToString(problem));
    if (options.color) {
      // Only the first one is the severity; a message may say "error: " as well.
      const std::string word = absl::StrCat(SeverityWord(problem.severity()), ": ");
      const std::size_t at = line.find(word);
      if (at != std::string::npos)
        line.replace(at, word.size(), Paint(word, ColorOf(problem.severity())));
    }
    absl::StrAppend(&text, line, "\n");
  }
  return absl::StrCat(text, ProblemCounts(problems), "\n");
}

std::string ProblemsToMarkdown(const std::vector<Problem>& problems) {
  MarkdownTable table({"", "object", "problem", "where"}, kRoom);
  for (const Problem& problem : problems) {
    const bool is_error = problem.severity() == Problem::ERROR;
    const std::string word = SeverityWord(problem.severity());
    const std::string path = problem.path().empty() ? "" : absl::StrCat(problem.path(), ": ");
    table.AddRow({is_error ? absl::StrCat("**", word, "**") : word,
                  problem.has_ref() ? MarkdownText(ObjectText(problem.ref())) : "",
                  MarkdownText(absl::StrCat(path, problem.message())),
                  MarkdownText(PlaceText(problem))});
  }
  return table.ToMarkdown();
}

}  // namespace espalier
