#include "provider/readiness.h"

#include "absl/strings/str_cat.h"

namespace espalier::provider {
namespace {

using Progress = Verdict::Progress;
using Placement = v1::VmPlacement;

absl::string_view PhaseText(Placement::Phase phase) {
  switch (phase) {
    case Placement::STARTING:
      return "starting";
    case Placement::RUNNING:
      return "running";
    case Placement::STOPPING:
      return "stopping";
    case Placement::STOPPED:
      return "stopped";
    case Placement::FAILED:
      return "failed";
    case Placement::EXPIRED:
      return "expired";
    case Placement::UNKNOWN:
      return "on a host that is silent";
    default:
      return "pending";
  }
}

Progress ProgressOf(Placement::Phase phase) {
  switch (phase) {
    case Placement::RUNNING:
      return Progress::kDone;
    case Placement::STOPPED:
    case Placement::FAILED:
    case Placement::EXPIRED:
      return Progress::kFailed;
    default:
      return Progress::kWaiting;
  }
}

std::string WhyOf(const v1::VmStatus& status) {
  const Placement& placement = status.placement();
  std::string why = absl::StrCat("It is ", PhaseText(placement.phase()));
  if (!placement.host().empty()) absl::StrAppend(&why, " on ", placement.host());
  if (!placement.why().empty()) absl::StrAppend(&why, ": ", placement.why());
  if (!status.observed().message().empty())
    absl::StrAppend(&why, " (", status.observed().message(), ")");
  return absl::StrCat(why, ".");
}

}  // namespace

Verdict CreateVerdict(const Resource& resource) {
  if (!TakesTime(resource)) return {Progress::kDone, ""};
  const v1::VmStatus& status = resource.vm().status();
  return {ProgressOf(status.placement().phase()), WhyOf(status)};
}

bool TakesTime(const Resource& resource) {
  return resource.has_vm() && resource.vm().spec().power() != v1::VmSpec::OFF;
}

}  // namespace espalier::provider
