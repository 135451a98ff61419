// What the controllers read of the fleet's objects: the installation's settings and what a host's
// state means for its VMs. Pure, but for the fence board that is asked about silent hosts.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "engine/control/fencing.h"
#include "engine/control/lifecycle.h"
#include "engine/loop/view.h"

namespace espalier::control {

struct Settings {
  v1::ClusterSpec::Strategy strategy = v1::ClusterSpec::SPREAD;
  absl::Duration host_lease = absl::Seconds(20);
  absl::Duration run_lease = absl::Seconds(30);
};
// From Cluster "default"; what it leaves out is as above.
Settings SettingsOf(const Snapshot& now);

// Why VMs shall leave the host ("drain by ana: disk swap"); empty if they may stay.
std::string WhyLeave(const Resource& host);

HostFacts FactsOf(const std::string& host, const Snapshot& now, FenceBoard& fences,
                  absl::Duration run_lease);

}  // namespace espalier::control
