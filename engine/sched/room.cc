#include "engine/sched/room.h"

#include <algorithm>

namespace espalier::sched {

Room SizeOf(const Resource& host) {
  const v1::HostSpec& spec = host.host().spec();
  const v1::HostObserved& observed = host.host().status().observed();
  const int slots = spec.has_macos_slots() ? static_cast<int>(spec.macos_slots()) : kMacosPerHost;
  return {.cpu = static_cast<int>(observed.cpu()),
          .memory_mib = static_cast<int>(observed.memory_mib()),
          .macos = observed.os() == "darwin" ? std::min(kMacosPerHost, slots) : 0};
}

int FoundMacos(const v1::HostObserved& observed) {
  int found = 0;
  for (const auto& [name, vm] : observed.found_vms()) {
    // What the driver cannot name may well be one: the limit is not ours to risk.
    if (vm.os() == "darwin" || (vm.os().empty() && observed.os() == "darwin")) ++found;
  }
  return found;
}

std::size_t ClosedBecause(const Resource& host) {
  const v1::Metadata& metadata = host.metadata();
  if (metadata.has_deleting_since()) return static_cast<std::size_t>(Reason::kDeleting);
  if (metadata.holds().contains("drain")) return static_cast<std::size_t>(Reason::kDraining);
  if (metadata.holds().contains("cordon")) return static_cast<std::size_t>(Reason::kCordoned);
  if (host.host().status().liveness().state() != v1::HostLiveness::READY) {
    return static_cast<std::size_t>(Reason::kSilent);
  }
  return kReasons;
}

bool SystemFits(const Wish& wish, const std::string& host_os, const std::string& host_arch) {
  if (wish.macos() && host_os != "darwin") return false;
  return wish.arch.empty() || wish.arch == host_arch;
}

}  // namespace espalier::sched
