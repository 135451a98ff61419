#include "engine/cli/fleet.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/model/access.h"
#include "engine/model/field.h"
#include "engine/model/size_text.h"

namespace espalier::cli {
namespace {

const google::protobuf::Map<std::string, v1::Condition>* ConditionsOf(const Resource& resource) {
  switch (resource.body_case()) {
    case Kind::kImage:
      return &resource.image().status().conditions();
    case Kind::kImageCache:
      return &resource.image_cache().status().conditions();
    case Kind::kGitSource:
      return &resource.git_source().status().conditions();
    default:
      return nullptr;
  }
}

}  // namespace

absl::StatusOr<Fleet> ReadFleet(Invocation& invocation) {
  Fleet fleet;
  ESPALIER_ASSIGN_OR_RETURN(fleet.hosts, invocation.ListKind(Kind::kHost));
  ESPALIER_ASSIGN_OR_RETURN(fleet.vms, invocation.ListKind(Kind::kVm));
  return fleet;
}

std::string PhaseWord(const Resource& vm) {
  const v1::VmPlacement::Phase phase = vm.vm().status().placement().phase();
  if (phase == v1::VmPlacement::PHASE_UNSPECIFIED) return "pending";
  return EnumWord(phase);
}

std::string OwnerWord(const Owner& owner) {
  std::string word = EnumWord(owner.manager());
  if (!owner.instance().empty()) absl::StrAppend(&word, " ", owner.instance());
  return word;
}

std::string WhyText(const Resource& resource) {
  if (resource.has_host()) {
    const v1::HostLiveness& liveness = resource.host().status().liveness();
    return liveness.state() == v1::HostLiveness::READY ? " is ready"
           : liveness.state() == v1::HostLiveness::UNKNOWN
               ? " is unknown: its agent is silent"
               : " was declared and its agent has not been heard yet";
  }
  std::string text;
  if (const auto* conditions = ConditionsOf(resource)) {
    const std::map<std::string, v1::Condition> sorted(conditions->begin(), conditions->end());
    for (const auto& [name, condition] : sorted) {
      absl::StrAppend(&text, "\n  ", name, ": ", EnumWord(condition.state()),
                      condition.reason().empty() ? "" : absl::StrCat(" (", condition.reason(), ")"),
                      condition.message().empty() ? "" : absl::StrCat(": ", condition.message()));
    }
    if (!text.empty()) return text;
  }
  // Any other kind may say it in a field of its status.
  const google::protobuf::Message& status = StatusOf(resource);
  const auto* why = status.GetDescriptor()->FindFieldByName("why");
  if (why != nullptr) {
    const std::string reason = status.GetReflection()->GetString(status, why);
    if (!reason.empty()) return absl::StrCat(": ", reason);
  }
  return " has nothing to say: it is as declared";
}

std::string ProgressText(const v1::PullProgress& progress) {
  if (progress.total_bytes() <= 0) return "starting";
  std::string text = absl::StrCat(progress.done_bytes() * 100 / progress.total_bytes(), " %, ",
                                  SizeText(static_cast<double>(progress.done_bytes())), " of ",
                                  SizeText(static_cast<double>(progress.total_bytes())));
  if (progress.bytes_per_second() > 0) {
    absl::StrAppend(&text, ", ", SizeText(static_cast<double>(progress.bytes_per_second())), "/s, ",
                    (progress.total_bytes() - progress.done_bytes()) / progress.bytes_per_second(),
                    " s left");
  }
  return text;
}

absl::StatusOr<std::string> PullText(Invocation& invocation, const std::string& host,
                                     const std::string& digest) {
  if (host.empty() || digest.empty()) return "";
  ESPALIER_ASSIGN_OR_RETURN(Remote * remote, invocation.Engine());
  ESPALIER_ASSIGN_OR_RETURN(const v1::GetProgressResponse progress,
                            remote->GetProgress(invocation.Context(), host));
  const v1::PullProgress* pull = FindPull(progress, host, digest);
  return pull == nullptr ? "" : ProgressText(*pull);
}

}  // namespace espalier::cli
