#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {

std::string StatusLine(const std::vector<Resource>& objects, const v1::DriftReport& drift) {
  std::size_t hosts = 0;
  std::size_t ready_hosts = 0;
  std::size_t vms = 0;
  std::uint64_t wanted = 0;
  std::uint64_t cached = 0;
  std::map<std::string, int> phases;
  for (const Resource& object : objects) {
    if (object.has_host()) {
      ++hosts;
      const bool ready = object.host().status().liveness().state() == v1::HostLiveness::READY;
      ready_hosts += ready ? 1 : 0;
    } else if (object.has_vm()) {
      ++vms;
      const v1::VmPlacement::Phase phase = object.vm().status().placement().phase();
      const bool known = phase != v1::VmPlacement::PHASE_UNSPECIFIED;
      ++phases[known ? absl::AsciiStrToLower(v1::VmPlacement::Phase_Name(phase)) : "pending"];
    } else if (object.has_image_cache()) {
      wanted += object.image_cache().status().wanted();
      cached += object.image_cache().status().ready();
    }
  }
  std::vector<std::string> counts;
  for (const auto& [phase, count] : phases) counts.push_back(absl::StrCat(count, " ", phase));
  std::vector<std::string> parts;
  parts.push_back(hosts == 0 ? "no hosts"
                             : absl::StrCat(ready_hosts, " of ", Count(hosts, "host"), " ready"));
  parts.push_back(vms == 0 ? "no VMs"
                           : absl::StrCat(Count(vms, "VM"), ": ", absl::StrJoin(counts, ", ")));
  if (wanted > 0) {
    parts.push_back(absl::StrCat(cached, " of ", Count(wanted, "cached image"), " ready"));
  }
  parts.push_back(absl::StrCat("drift: ", DriftCounts(drift)));
  return absl::StrCat(absl::StrJoin(parts, " · "), "\n");
}

}  // namespace espalier
