#include "provider/readiness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"

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

Verdict Accepted(const Resource&) { return {Progress::kDone, ""}; }

Verdict Running(const Resource& vm) { return {ProgressOf(vm), WhyOf(vm.vm().status())}; }

Verdict Reachable(const Resource& vm) {
  Verdict verdict = Running(vm);
  const v1::VmStatus& status = vm.vm().status();
  const v1::VmObserved& observed = status.observed();
  if (verdict.progress != Progress::kDone || vm.vm().spec().power() == v1::VmSpec::OFF) {
    return verdict;
  }
  const bool current =
      observed.uid() == vm.metadata().uid() && observed.attempt() == status.placement().attempt();
  if (current && !observed.ip().empty() && observed.ports().contains("ssh")) return verdict;
  return {Progress::kWaiting, absl::StrCat("It runs on ", status.placement().host(),
                                           ", which has not told yet how it is reached.")};
}

Verdict Resolved(const Resource& resource) {
  const v1::Image& image = resource.image();
  const v1::ImageStatus& status = image.status();
  if (!status.digest().empty() && IsOfItsSpec(resource)) {
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

// The one place that knows what kinds can be waited for.
struct Condition {
  Kind kind;
  absl::string_view name;
  absl::string_view meaning;
  Verdict (*judge)(const Resource&);
};
constexpr Condition kConditions[] = {
    {Kind::kVm, kRunning, "it runs as declared, or has left its host if it is off", &Running},
    {Kind::kVm, kReachable, "it runs, and its address and ports are known", &Reachable},
    {Kind::kVm, kAccepted, "the engine has stored it", &Accepted},
    {Kind::kImage, kResolved, "its registry has told its digest", &Resolved},
    {Kind::kImage, kAccepted, "the engine has stored it", &Accepted},
};

Verdict Enough(const Resource& resource, std::int64_t min_ready) {
  const Members members = MembersOf(resource);
  // More than there shall be will never come.
  const std::int64_t enough = std::min(min_ready, members.wanted.value_or(0));
  return {members.running >= enough ? Progress::kDone : Progress::kWaiting,
          MissingMembers(resource)};
}

}  // namespace

std::vector<std::string> ConditionsOf(Kind kind) {
  std::vector<std::string> names;
  for (const Condition& condition : kConditions) {
    if (condition.kind == kind) names.emplace_back(condition.name);
  }
  return names;
}

std::string DescribeCondition(absl::string_view name) {
  for (const Condition& condition : kConditions) {
    if (condition.name == name) return std::string(condition.meaning);
  }
  return "";
}

bool HasMembers(Kind kind) { return InfoOf(kind).members.has_value(); }

std::optional<std::int64_t> MembersWanted(const Resource& resource) {
  if (!HasMembers(resource.body_case())) return std::nullopt;
  return MembersOf(resource).wanted;
}

Verdict ReadinessOf(const Resource& resource, const Wish& wish) {
  const Kind kind = resource.body_case();
  if (HasMembers(kind)) return Enough(resource, wish.min_ready);
  for (const Condition& condition : kConditions) {
    if (condition.kind != kind) continue;
    if (wish.condition.empty() || condition.name == wish.condition)
      return condition.judge(resource);
  }
  return Accepted(resource);
}

bool IsOfItsSpec(const Resource& resource) {
  if (!resource.has_image()) return true;
  const v1::Image& image = resource.image();
  return image.status().resolved_reference() == image.spec().reference();
}

std::string MissingMembers(const Resource& resource) {
  if (!HasMembers(resource.body_case())) return "";
  const Members members = MembersOf(resource);
  const std::int64_t wanted = members.wanted.value_or(0);
  if (members.running >= wanted) return "";
  std::string text = absl::StrCat(members.running, " of ", wanted, " members run");
  if (!members.why.empty()) absl::StrAppend(&text, "; the others wait: ", members.why);
  return absl::StrCat(text, ".");
}

std::string WhyPoweredOff(const Resource& vm) {
  if (vm.vm().spec().power() == v1::VmSpec::OFF) return "It is declared to be off.";
  const auto& holds = vm.metadata().holds();
  const auto hold = holds.find("power");
  if (hold == holds.end()) return "";
  return absl::StrCat("It is powered off by ", hold->second.by(), ": ", hold->second.why(), ".");
}

absl::Duration DefaultTimeout(Kind kind) {
  // A registry answers within seconds or says why not; an image of 30 GB takes its time.
  return kind == Kind::kImage ? absl::Minutes(2) : absl::Minutes(10);
}

}  // namespace espalier::provider
