#include "engine/control/fleet.h"

#include "absl/strings/str_cat.h"

namespace espalier::control {

Settings SettingsOf(const Snapshot& now) {
  Settings settings;
  const Resource* cluster = now.Find(Ref{Kind::kCluster, "", "default"});
  if (cluster == nullptr) return settings;
  const v1::ClusterSpec& spec = cluster->cluster().spec();
  if (spec.has_scheduling()) settings.strategy = spec.scheduling();
  if (spec.has_host_lease_seconds()) settings.host_lease = absl::Seconds(spec.host_lease_seconds());
  if (spec.has_run_lease_seconds()) settings.run_lease = absl::Seconds(spec.run_lease_seconds());
  return settings;
}

std::string WhyLeave(const Resource& host) {
  if (host.metadata().has_deleting_since()) return "the host is being deleted";
  const auto drain = host.metadata().holds().find("drain");
  if (drain == host.metadata().holds().end()) return "";
  return absl::StrCat("drain by ", drain->second.by(), ": ", drain->second.why());
}

HostFacts FactsOf(const std::string& host, const Snapshot& now, FenceBoard& fences,
                  absl::Duration run_lease) {
  HostFacts facts;
  if (const Resource* found = now.Find(Ref{Kind::kHost, "", host}); found != nullptr) {
    facts.known = true;
    facts.silent = found->host().status().liveness().state() != v1::HostLiveness::READY;
    facts.leave = WhyLeave(*found);
    facts.boot_id = found->host().status().observed().boot_id();
  }
  if (facts.silent) facts.until_surely_ended = fences.UntilSurelyEnded(host, run_lease);
  return facts;
}

}  // namespace espalier::control
