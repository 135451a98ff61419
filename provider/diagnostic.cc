#include "provider/diagnostic.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/validate.h"

namespace espalier::provider {
namespace {

absl::string_view Advice(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "The engine did not answer. Check `endpoint` (or ESPALIER_ENGINE) and that espalierd "
             "runs.";
    case absl::StatusCode::kUnauthenticated:
      return "The engine does not know this token. Check `token` (or ESPALIER_TOKEN); tokens may "
             "have been revoked or have ended.";
    case absl::StatusCode::kPermissionDenied:
      return "The token's role does not allow this. `espalier token create --role ROLE` makes "
             "another token.";
    case absl::StatusCode::kAborted:
      return "Somebody else has changed it meanwhile. Plan again, to see what an apply would do "
             "now.";
    case absl::StatusCode::kDeadlineExceeded:
      return "The engine took too long. What it did is seen by the next `terraform plan`.";
    case absl::StatusCode::kResourceExhausted:
      return "The engine refused it because a limit is reached.";
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return "The engine failed at it; its log says why. What it did is seen by the next "
             "`terraform "
             "plan`.";
    default:
      return "";
  }
}

}  // namespace

void Diagnostics::Error(absl::string_view summary, absl::string_view detail, Path path) {
  list_.push_back(
      {Diagnostic::Severity::kError, std::string(summary), std::string(detail), std::move(path)});
}

void Diagnostics::Warning(absl::string_view summary, absl::string_view detail, Path path) {
  list_.push_back(
      {Diagnostic::Severity::kWarning, std::string(summary), std::string(detail), std::move(path)});
}

void Diagnostics::Failure(absl::string_view summary, const absl::Status& status, Path path) {
  const absl::string_view advice = Advice(status.code());
  Error(summary, absl::StrCat(status.message(), advice.empty() ? "" : "\n\n", advice),
        std::move(path));
}

void Diagnostics::Add(absl::string_view summary, const Problem& problem) {
  if (!Is(problem, kDeprecatedField)) AddAtItsPath(summary, problem);
}

void Diagnostics::Add(absl::string_view summary, const Problems& problems) {
  for (const Problem& problem : problems.list()) {
    AddAtItsPath(Is(problem, kDeprecatedField) ? "Deprecated argument" : summary, problem);
  }
}

void Diagnostics::AddAtItsPath(absl::string_view summary, const Problem& problem) {
  Path path = PathOfModel(problem.path());
  // Terraform shows the line of an attribute, but not which part of its value is meant.
  const std::string place = path.empty() ? problem.path() : ToString(path);
  const std::string detail = absl::StrCat(place, place.empty() ? "" : ": ", problem.message());
  if (problem.severity() == Problem::ERROR) {
    Error(summary, detail, std::move(path));
  } else if (problem.severity() == Problem::WARNING) {
    Warning(summary, detail, std::move(path));
  }
}

bool Diagnostics::HasErrors() const {
  return std::any_of(list_.begin(), list_.end(), [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Diagnostic::Severity::kError;
  });
}

}  // namespace espalier::provider
