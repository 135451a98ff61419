#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

// Behind the message, where it is in nobody's way.
std::string CodeText(const Problem& problem) {
  return problem.code().empty() ? "" : absl::StrCat(" [", problem.code(), "]");
}

// Of a workflow command: what it may not contain is written in percents.
std::string Data(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"%", "%25"}, {"\r", "%0D"}, {"\n", "%0A"}});
}
std::string Property(absl::string_view text) {
  return absl::StrReplaceAll(Data(Printable(text)), {{":", "%3A"}, {",", "%2C"}});
}

absl::string_view CommandOf(Problem::Severity severity) {
  if (severity == Problem::NOTE) return "notice";
  return severity == Problem::WARNING ? "warning" : "error";
}

}  // namespace

std::string ProblemToText(const Problem& problem, const TextOptions& options) {
  std::string line = Printable(absl::StrCat(ToString(problem), CodeText(problem)));
  if (options.color) {
    // Only the first one is the severity; a message may say "error: " as well.
    const std::string word = absl::StrCat(SeverityWord(problem.severity()), ": ");
    const std::size_t at = line.find(word);
    if (at != std::string::npos)
      line.replace(at, word.size(), Paint(word, ColorOf(problem.severity())));
  }
  return line;
}

std::string ProblemsToText(const std::vector<Problem>& problems, const TextOptions& options) {
  if (problems.empty()) return "";
  std::string text;
  for (const Problem& problem : problems) {
    absl::StrAppend(&text, ProblemToText(problem, options), "\n");
  }
  return absl::StrCat(text, ProblemCounts(problems), "\n");
}

std::string ProblemsToGitHub(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    // What the command itself says already is not said again.
    Problem rest = problem;
    rest.clear_file();
    rest.set_severity(Problem::ERROR);
    std::string message = Printable(ToString(rest));
    message.erase(0, message.find(": ") + 2);
    std::vector<std::string> properties;
    if (!problem.file().empty()) {
      properties.push_back(absl::StrCat("file=", Property(problem.file())));
      if (problem.line() > 0) properties.push_back(absl::StrCat("line=", problem.line()));
      if (problem.column() > 0) properties.push_back(absl::StrCat("col=", problem.column()));
    }
    properties.push_back(absl::StrCat("title=", Property(problem.code())));
    absl::StrAppend(&text, "::", CommandOf(problem.severity()), " ", absl::StrJoin(properties, ","),
                    "::", Data(message), "\n");
  }
  return text;
}

std::string ProblemsToMarkdown(const std::vector<Problem>& problems) {
  MarkdownTable table({"", "object", "problem", "where"}, kRoom);
  for (const Problem& problem : problems) {
    const bool is_error = problem.severity() == Problem::ERROR;
    const std::string word = SeverityWord(problem.severity());
    const std::string path = problem.path().empty() ? "" : absl::StrCat(problem.path(), ": ");
    table.AddRow({is_error ? absl::StrCat("**", word, "**") : word,
                  problem.has_ref() ? MarkdownText(ObjectText(problem.ref())) : "",
                  MarkdownText(absl::StrCat(path, problem.message(), CodeText(problem))),
                  MarkdownText(PlaceText(problem))});
  }
  return table.ToMarkdown();
}

}  // namespace espalier
