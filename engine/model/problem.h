// Problems: the mistakes found in an input, collected rather than stopped at, up to
// limits::kProblems.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/model/problem_codes.h"
#include "espalier/v1/plan.pb.h"

namespace espalier {

using Problem = v1::Problem;

class Problems {
 public:
  // Adds a problem and returns it for filling in more. Beyond limits::kProblems one last entry says
  // so; if there are errors, one at least is in the list.
  Problem& Add(Problem::Severity severity, ProblemCode code, absl::string_view path,
               absl::string_view message);
  Problem& Error(ProblemCode code, absl::string_view path, absl::string_view message);
  Problem& Warning(ProblemCode code, absl::string_view path, absl::string_view message);
  Problem& Note(ProblemCode code, absl::string_view path, absl::string_view message);
  void Append(const Problems& other);
  void Append(const Problem& problem);

  bool HasErrors() const { return errors_ > 0; }
  bool empty() const { return list_.empty(); }
  const std::vector<Problem>& list() const { return list_; }
  std::vector<Problem>& list() { return list_; }

 private:
  // Room for one more, empty.
  Problem& Next(Problem::Severity severity);

  std::vector<Problem> list_;
  int errors_ = 0;
  Problem overflow_;
};

// "fleet.yaml:12:7: error: spec.cpu: ..." in one line.
std::string ToString(const Problem& problem);
// OK, or INVALID_ARGUMENT with the first error and how many more.
absl::Status ToStatus(const Problems& problems);

}  // namespace espalier
