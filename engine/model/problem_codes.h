// The codes of problems: a code that is not listed here does not compile. What each means and what
// to do about it stands in the .cc, so that a better word does not compile everything anew;
// docs/reference/problems.md and `espalier explain problem/CODE` print it. Constant, so it belongs
// to no thread.
//
// To add one: its name here and its row there, in the order of the alphabet;
// ESPALIER_UPDATE_GOLDEN=1 ctest -R generated. A code that was released is never renamed or reused:
// programs test it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "espalier/v1/plan.pb.h"

namespace espalier {

// What has to be known to find a problem of this code.
enum class FoundBy {
  // The files alone: `espalier validate` and the reconciler find it, and the engine, if it is asked
  // without them.
  kFiles,
  // What the engine has stored, who asks, or a source's own rules: no file tells.
  kEngine,
};

struct ProblemCodeInfo {
  absl::string_view code;
  FoundBy found_by;
  absl::string_view meaning;
  absl::string_view remedy;
};

inline constexpr absl::string_view kProblemCodes[] = {
    "already_exists",
    "bad_file_name",
    "budget_exceeded",
    "controller_owned",
    "deleting",
    "deprecated_field",
    "digest_mismatch",
    "duplicate_key",
    "duplicate_object",
    "empty_set",
    "held",
    "in_use",
    "incomplete_scope",
    "invalid_utf8",
    "invalid_value",
    "lfs_pointer",
    "looks_like_secret",
    "merge_conflict",
    "missing_field",
    "missing_folder",
    "missing_reference",
    "no_secret_store",
    "not_a_file",
    "not_for_terraform",
    "not_found",
    "not_from_git",
    "not_owned",
    "not_pruned",
    "outside_scope",
    "owner_conflict",
    "quota_exceeded",
    "recreate_disabled",
    "reference_cycle",
    "secret_in_git",
    "secret_not_kept",
    "suspended",
    "syntax_error",
    "too_large",
    "too_many_problems",
    "unknown_field",
    "unknown_kind",
    "unknown_policy",
    "unknown_source",
    "yaml_feature",
};

// A code of the table. Made from a string literal only, when the program is compiled.
class ProblemCode {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): so that calls read Error("invalid_value", ...).
  consteval ProblemCode(const char* code) : text_(Known(code)) {}

  constexpr absl::string_view text() const { return text_; }

 private:
  static consteval absl::string_view Known(absl::string_view code) {
    for (const absl::string_view known : kProblemCodes) {
      if (known == code) return known;
    }
    throw "this code is not in kProblemCodes";
  }

  absl::string_view text_;
};

// Whether the problem is of this code.
inline bool Is(const v1::Problem& problem, ProblemCode code) {
  return problem.code() == code.text();
}
void SetCode(ProblemCode code, v1::Problem& problem);

// What is said about a code; null if there is none.
const ProblemCodeInfo* FindProblemCode(absl::string_view code);

// The page of the reference that lists all codes, each under a heading that is its code.
std::string ProblemsPage();

}  // namespace espalier
