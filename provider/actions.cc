#include "provider/actions.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace espalier::provider {
namespace {

constexpr char kReason[] = "reason";

}  // namespace

const std::vector<ActionType>& AllActionTypes() {
  static const std::vector<ActionType>& types =
      *new std::vector<ActionType>{HostDrainType(), ImageCacheRefreshType(), VmRestartType()};
  return types;
}

const ActionType* FindActionType(absl::string_view type_name) {
  for (const ActionType& type : AllActionTypes()) {
    if (type.schema.type_name == type_name) return &type;
  }
  return nullptr;
}

Attribute ReasonAttribute(Attribute::Use use) {
  return TextAttribute(kReason, use, "Why, for everybody who asks.");
}

std::string WhyOfAction(absl::string_view what, const ActionRun& run) {
  std::string why = absl::StrCat(what, " by terraform ", run.engine.owner().instance());
  const absl::string_view reason = run.config.At(kReason).text();
  if (!reason.empty()) absl::StrAppend(&why, ": ", reason);
  return why;
}

std::int64_t ChangeHold(Engine& engine, const Ref& ref, v1::HoldChange change,
                        absl::string_view summary, Diagnostics& diagnostics) {
  *change.mutable_ref() = ToProto(ref);
  const absl::StatusOr<ApplyResult> result = engine.ChangeHold(std::move(change));
  if (!result.ok()) {
    diagnostics.Failure(summary, result.status());
    return 0;
  }
  for (const Problem& problem : result->problems()) diagnostics.Add(summary, problem);
  return diagnostics.HasErrors() ? 0 : result->revision();
}

void AddEnd(const WaitResult& waited, absl::Duration timeout, absl::string_view summary,
            absl::string_view consequence, Diagnostics& diagnostics) {
  std::string detail;
  switch (waited.end) {
    case WaitResult::End::kDone:
      return;
    case WaitResult::End::kFailed:
      detail = waited.why;
      break;
    case WaitResult::End::kTimedOut:
      detail = absl::StrCat("It was not done after ", absl::FormatDuration(timeout), ". ",
                            waited.why, "\n\n`timeout` sets how long to wait.");
      break;
    case WaitResult::End::kStopped:
      detail = absl::StrCat("The run was interrupted. ", waited.why);
      break;
  }
  if (!consequence.empty()) absl::StrAppend(&detail, "\n\n", consequence);
  diagnostics.Error(summary, detail);
}

}  // namespace espalier::provider
