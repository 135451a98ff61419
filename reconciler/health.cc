#include "reconciler/health.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/ref.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

// So many are named; a status is read by people.
constexpr std::size_t kNamed = 5;

using State = Health::State;

Health OfVm(const Resource& object) {
  const v1::VmPlacement& placement = object.vm().status().placement();
  const std::string phase = absl::AsciiStrToLower(v1::VmPlacement::Phase_Name(placement.phase()));
  const std::string why =
      placement.why().empty() ? phase : absl::StrCat(phase, ": ", placement.why());
  if (placement.observed_generation() < object.metadata().generation()) {
    return {State::kProgressing, "not looked at yet"};
  }
  const bool off =
      object.vm().spec().power() == v1::VmSpec::OFF || object.metadata().holds().contains("power");
  switch (placement.phase()) {
    case v1::VmPlacement::RUNNING:
      return off ? Health{State::kProgressing, "is to be off"} : Health{};
    case v1::VmPlacement::STOPPED:
    case v1::VmPlacement::EXPIRED:
      // Off, or at the end that its spec gives it.
      return {};
    case v1::VmPlacement::FAILED:
      return {State::kFailed, why};
    case v1::VmPlacement::UNKNOWN:
      return {State::kUnknown, absl::StrCat("host ", placement.host(), " is silent")};
    default:
      return {State::kProgressing, why};
  }
}

Health OfPool(const v1::VmPool& pool) {
  const auto ready = pool.status().conditions().find("Ready");
  if (ready == pool.status().conditions().end()) return {State::kProgressing, "not looked at yet"};
  const std::string& why =
      pool.status().why().empty() ? ready->second.message() : pool.status().why();
  if (ready->second.reason() == "Refused") return {State::kFailed, why};
  if (ready->second.reason() == "Stopped") return {State::kFailed, ready->second.message()};
  if (pool.status().running() < pool.spec().replicas() || pool.status().outdated() > 0) {
    return {State::kProgressing, why};
  }
  return ready->second.state() == v1::Condition::TRUE ? Health{} : Health{State::kProgressing, why};
}

Health OfHost(const v1::Host& host) {
  switch (host.status().liveness().state()) {
    case v1::HostLiveness::READY:
      return {};
    case v1::HostLiveness::UNKNOWN:
      return {State::kUnknown, "its agent is silent"};
    default:
      return {State::kProgressing, "its agent has not been heard yet"};
  }
}

Health OfImage(const v1::Image& image) {
  if (!image.status().digest().empty() &&
      image.status().resolved_reference() == image.spec().reference()) {
    return {};
  }
  const auto resolved = image.status().conditions().find("Resolved");
  return {State::kProgressing, resolved == image.status().conditions().end()
                                   ? "not resolved yet"
                                   : resolved->second.message()};
}

Health OfImageCache(const v1::ImageCacheStatus& status) {
  const auto ready = status.conditions().find("Ready");
  if (ready == status.conditions().end()) return {State::kProgressing, "not looked at yet"};
  if (ready->second.state() == v1::Condition::TRUE) return {};
  return {State::kProgressing, ready->second.message()};
}

}  // namespace

Health HealthOf(const Resource& object) {
  switch (object.body_case()) {
    case Kind::kVm:
      return OfVm(object);
    case Kind::kVmPool:
      return OfPool(object.vm_pool());
    case Kind::kHost:
      return OfHost(object.host());
    case Kind::kImage:
      return OfImage(object.image());
    case Kind::kImageCache:
      return OfImageCache(object.image_cache().status());
    case Kind::kCluster:
    case Kind::kNamespace:
    case Kind::kGitSource:
    case Kind::kRegistryCredential:
    case Kind::BODY_NOT_SET:
      return {};
  }
  return {};
}

void HealthSum::Add(const Resource& object, bool late) {
  ++objects_;
  const Health health = HealthOf(object);
  if (health.state == State::kReady) return;
  ++not_ready_;
  failed_ = failed_ || health.state == State::kFailed;
  late_ = late_ || late;
  std::vector<std::string>& named = late ? named_late_ : named_;
  if (named.size() < kNamed) {
    named.push_back(absl::StrCat(ToHuman(RefOf(object)), " (", health.why, ")"));
  }
}

Verdict HealthSum::ToVerdict() const {
  if (all_ready()) {
    return {.state = v1::Condition::TRUE,
            .reason = "Healthy",
            .message =
                objects_ == 1 ? "1 object is ready" : absl::StrCat(objects_, " objects are ready")};
  }
  std::vector<std::string> named = named_late_;
  named.insert(named.end(), named_.begin(), named_.end());
  named.resize(std::min(named.size(), kNamed));
  std::string message =
      absl::StrCat(not_ready_, " of ", Count(objects_, "object"), not_ready_ == 1 ? " is" : " are",
                   " not ready: ", absl::StrJoin(named, ", "));
  if (not_ready_ > static_cast<int>(named.size())) absl::StrAppend(&message, ", ...");
  if (failed_) return {v1::Condition::FALSE, "Failed", std::move(message)};
  if (late_) return {v1::Condition::FALSE, "NotReadyInTime", std::move(message)};
  return {v1::Condition::UNKNOWN, "Progressing", std::move(message)};
}

}  // namespace espalier
