#include "engine/daemon/cluster_settings.h"

#include <algorithm>

#include "absl/time/time.h"

namespace espalier {

LeaseTermsSource LeaseTermsOf(Resources& resources) {
  return [&resources] {
    CallContext context;
    context.caller = {.role = Caller::Role::kController, .subject = "engine"};
    LeaseTerms terms;
    absl::Duration host_lease = absl::Seconds(20);
    const absl::StatusOr<Resource> cluster =
        resources.Get(context, {.kind = Kind::kCluster, .ns = "", .name = "default"});
    if (cluster.ok()) {
      const v1::ClusterSpec& spec = cluster->cluster().spec();
      if (spec.has_run_lease_seconds()) terms.run_lease = absl::Seconds(spec.run_lease_seconds());
      if (spec.has_host_lease_seconds()) host_lease = absl::Seconds(spec.host_lease_seconds());
    }
    // Three beats may get lost before anybody draws a conclusion.
    terms.interval = std::min(host_lease, terms.run_lease) / 4;
    return terms;
  };
}

}  // namespace espalier
