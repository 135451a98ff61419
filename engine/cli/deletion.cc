#include "engine/cli/deletion.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier::cli {
namespace {

// Whether the engine cannot be asked for the next one either.
bool EndsAll(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsUnauthenticated(status) ||
         absl::IsDeadlineExceeded(status);
}

}  // namespace

absl::StatusOr<int> DeleteObjects(Invocation& invocation, const std::vector<Ref>& refs,
                                  v1::DeleteRequest request) {
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  request.mutable_owner()->set_manager(Owner::CLI);
  int code = kSuccess;
  for (const Ref& ref : refs) {
    *request.mutable_ref() = ToProto(ref);
    const absl::StatusOr<ApplyResult> result = resources->Delete(invocation.Context(), request);
    if (!result.ok()) {
      if (EndsAll(result.status())) return result.status();
      invocation.err << "error: " << result.status().message() << "\n";
      code = kFailure;
      continue;
    }
    if (request.dry_run()) {
      code = std::max(code, PrintPlan(invocation, *result));
      continue;
    }
    // What runs goes when its agent has ended it.
    const absl::StatusOr<Resource> standing = resources->Get(invocation.Context(), ref);
    const bool goes_later = standing.ok() && standing->metadata().has_deleting_since();
    if (goes_later && invocation.globals.output != Output::kJson) {
      code = std::max(
          code, PrintProblems(invocation, {result->problems().begin(), result->problems().end()}));
      invocation.out << ToString(ref) << " is being deleted\n";
      continue;
    }
    code = std::max(code, PrintApplied(invocation, *result));
  }
  return code;
}

}  // namespace espalier::cli
