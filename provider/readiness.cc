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

Progress ProgressOf(const Resource& resource) {
  const Placement& placement = resource.vm().status().placement();
  if (resource.vm().spec().power() == v1::VmSpec::OFF) {
    return placement.host().empty() ? Progress::kDone : Progress::kWaiting;
  }
  // Until the engine has looked at this spec its phase is about the last.
  if (placement.observed_generation() != resource.metadata().generation()) {
    return Progress::kWaiting;
  }
  switch (placement.phase()) {
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

Verdict ReadinessOfImage(const v1::Image& image) {
  const v1::ImageStatus& status = image.status();
  if (!status.digest().empty() && status.resolved_reference() == image.spec().reference()) {
    return {Progress::kDone, ""};
  }
  std::string why = "Its digest is not known";
  // A registry that is away comes back, and a tag may be pushed yet.
  const auto resolved = status.conditions().find("Resolved");
  if (resolved != status.conditions().end() && resolved->second.state() == v1::Condition::FALSE) {
    absl::StrAppend(&why, ": ", resolved->second.message());
  }
  return {Progress::kWaiting, absl::StrCat(why, ".")};
}

}  // namespace

Verdict ReadinessOf(const Resource& resource) {
  if (resource.has_vm()) return {ProgressOf(resource), WhyOf(resource.vm().status())};
  if (resource.has_image()) return ReadinessOfImage(resource.image());
  return {Progress::kDone, ""};
}

absl::Duration DefaultTimeout(Kind kind) {
  // A registry answers within seconds or says why not; an image of 30 GB takes its time.
  return kind == Kind::kImage ? absl::Minutes(2) : absl::Minutes(10);
}

}  // namespace espalier::provider
