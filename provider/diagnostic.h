// Diagnostics: what Terraform shows its user: what failed, why and what to do, and at which
// attribute. Values.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/model/problem.h"
#include "provider/path.h"

namespace espalier::provider {

struct Diagnostic {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  // One line: "Cannot create vm ci/build".
  std::string summary;
  std::string detail;
  Path path;
};

class Diagnostics {
 public:
  void Error(absl::string_view summary, absl::string_view detail, Path path = {});
  void Warning(absl::string_view summary, absl::string_view detail, Path path = {});
  // An error of transport or permission, with what the user can do about it.
  void Failure(absl::string_view summary, const absl::Status& status, Path path = {});
  // A problem that the engine found. Notes are left out: Terraform has no place for them, and most
  // say only that something is planned that does not exist yet. So are deprecated fields, of which
  // the user heard when the configuration was validated.
  void Add(absl::string_view summary, const Problem& problem);
  // Problems that the model found in a configuration. Core itself warns of a deprecated attribute
  // only where it is referred to, so here they are warnings of their own.
  void Add(absl::string_view summary, const Problems& problems);

  bool HasErrors() const;
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }

 private:
  void AddAtItsPath(absl::string_view summary, const Problem& problem);

  std::vector<Diagnostic> list_;
};

}  // namespace espalier::provider
