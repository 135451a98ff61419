#include "engine/model/problem.h"

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"

namespace espalier {

Problem& Problems::Next(Problem::Severity severity) {
  if (severity == Problem::ERROR) ++errors_;
  const bool fits = list_.size() + 1 < limits::kProblems;
  if (!fits && list_.size() < limits::kProblems) {
    Problem& last = list_.emplace_back();
    last.set_severity(severity);
    SetCode("too_many_problems", last);
    last.set_message("there are more problems; these are the first ones");
  }
  // Whoever only sees the list must see that something is refused, however many warnings came
  // before: the first error takes the place of one.
  if (!fits && (severity != Problem::ERROR || errors_ > 1)) {
    // Callers may fill in what is returned; the list stays as it is.
    overflow_.Clear();
    return overflow_;
  }
  Problem& problem = fits ? list_.emplace_back() : list_[limits::kProblems - 2];
  problem.Clear();
  return problem;
}

Problem& Problems::Add(Problem::Severity severity, ProblemCode code, absl::string_view path,
                       absl::string_view message) {
  Problem& problem = Next(severity);
  problem.set_severity(severity);
  SetCode(code, problem);
  problem.set_path(std::string(path));
  problem.set_message(std::string(message));
  return problem;
}

Problem& Problems::Error(ProblemCode code, absl::string_view path, absl::string_view message) {
  return Add(Problem::ERROR, code, path, message);
}
Problem& Problems::Warning(ProblemCode code, absl::string_view path, absl::string_view message) {
  return Add(Problem::WARNING, code, path, message);
}
Problem& Problems::Note(ProblemCode code, absl::string_view path, absl::string_view message) {
  return Add(Problem::NOTE, code, path, message);
}

void Problems::Append(const Problem& problem) { Next(problem.severity()) = problem; }
void Problems::Append(const Problems& other) {
  for (const Problem& problem : other.list()) Append(problem);
}

std::string ToString(const Problem& problem) {
  std::string text;
  if (!problem.file().empty()) {
    absl::StrAppend(&text, problem.file(), ":");
    if (problem.line() > 0) absl::StrAppend(&text, problem.line(), ":");
    if (problem.column() > 0) absl::StrAppend(&text, problem.column(), ":");
    text += " ";
  }
  switch (problem.severity()) {
    case Problem::WARNING:
      text += "warning: ";
      break;
    case Problem::NOTE:
      text += "note: ";
      break;
    default:
      text += "error: ";
  }
  if (problem.has_ref()) {
    absl::StrAppend(&text, problem.ref().kind(), " ");
    if (!problem.ref().namespace_().empty())
      absl::StrAppend(&text, problem.ref().namespace_(), "/");
    absl::StrAppend(&text, problem.ref().name(), ": ");
  }
  if (!problem.path().empty()) absl::StrAppend(&text, problem.path(), ": ");
  return absl::StrCat(text, problem.message());
}

absl::Status ToStatus(const Problems& problems) {
  if (!problems.HasErrors()) return absl::OkStatus();
  int errors = 0;
  std::string first;
  for (const Problem& problem : problems.list()) {
    if (problem.severity() != Problem::ERROR) continue;
    if (errors++ == 0) first = ToString(problem);
  }
  return absl::InvalidArgumentError(errors > 1 ? absl::StrCat(first, " (and ", errors - 1, " more)")
                                               : first);
}

}  // namespace espalier
