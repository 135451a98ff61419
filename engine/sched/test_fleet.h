// Hosts and VMs for the scheduler's tests, with the few fields that matter. Test code.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/model/kind.h"
#include "engine/sched/sched.h"

namespace espalier::sched {

struct HostRow {
  std::string name;
  std::string os = "darwin";
  std::string arch = "arm64";
  int cpu = 12;
  int memory_mib = 32768;
  int macos_slots = 2;
  std::map<std::string, std::string> labels = {};
  std::string hold = "";
  bool ready = true;
  std::vector<std::string> images = {};
  std::vector<std::string> pulling = {};
  int macos_running = 0;
  int found_macos = 0;
};

inline Resource MakeHost(const HostRow& row) {
  Resource resource;
  v1::Metadata& metadata = *resource.mutable_metadata();
  metadata.set_name(row.name);
  metadata.mutable_labels()->insert(row.labels.begin(), row.labels.end());
  if (row.hold == "deleting") {
    metadata.mutable_deleting_since()->set_seconds(1);
  } else if (!row.hold.empty()) {
    (*metadata.mutable_holds())[row.hold].set_by("ana");
  }
  v1::Host& host = *resource.mutable_host();
  host.mutable_spec()->set_macos_slots(static_cast<std::uint32_t>(row.macos_slots));
  host.mutable_status()->mutable_liveness()->set_state(row.ready ? v1::HostLiveness::READY
                                                                 : v1::HostLiveness::UNKNOWN);
  v1::HostObserved& observed = *host.mutable_status()->mutable_observed();
  observed.set_os(row.os);
  observed.set_arch(row.arch);
  observed.set_cpu(static_cast<std::uint32_t>(row.cpu));
  observed.set_memory_mib(static_cast<std::uint32_t>(row.memory_mib));
  observed.set_macos_running(static_cast<std::uint32_t>(row.macos_running));
  for (const std::string& digest : row.images) {
    (*observed.mutable_images())[digest].set_state(v1::HeldImage::READY);
  }
  for (const std::string& digest : row.pulling) {
    (*observed.mutable_images())[digest].set_state(v1::HeldImage::CACHING);
  }
  for (int i = 0; i < row.found_macos; ++i) {
    (*observed.mutable_found_vms())[absl::StrCat("found-", i)].set_os("darwin");
  }
  return resource;
}

struct VmRow {
  std::string name;
  int cpu = 4;
  int memory_mib = 8192;
  std::string os = "darwin";
  std::string arch = "arm64";
  std::string digest = "";
  std::int64_t bytes = 0;
  // Where it is placed; empty is pending.
  std::string host = "";
  std::string pinned = "";
  std::map<std::string, std::string> labels = {};
  std::map<std::string, std::string> preferred = {};
};

inline Resource MakeVm(const VmRow& row) {
  Resource resource;
  resource.mutable_metadata()->set_name(row.name);
  resource.mutable_metadata()->set_namespace_("default");
  v1::VmSpec& spec = *resource.mutable_vm()->mutable_spec();
  spec.set_cpu(static_cast<std::uint32_t>(row.cpu));
  spec.set_memory_mib(static_cast<std::uint32_t>(row.memory_mib));
  if (!row.pinned.empty()) spec.set_host(row.pinned);
  spec.mutable_host_labels()->insert(row.labels.begin(), row.labels.end());
  spec.mutable_preferred_host_labels()->insert(row.preferred.begin(), row.preferred.end());
  v1::VmPlacement& placement = *resource.mutable_vm()->mutable_status()->mutable_placement();
  placement.set_image_os(row.os);
  placement.set_image_arch(row.arch);
  placement.set_image_digest(row.digest);
  placement.set_image_bytes(row.bytes);
  placement.set_host(row.host);
  placement.set_phase(row.host.empty() ? v1::VmPlacement::PENDING : v1::VmPlacement::RUNNING);
  return resource;
}

inline Wish MakeWish(const VmRow& row) { return WishOf(MakeVm(row)); }

}  // namespace espalier::sched
