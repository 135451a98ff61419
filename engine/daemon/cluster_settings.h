// What the daemon reads from the Cluster object for parts that do not watch it themselves.
#pragma once

#include "engine/api/resources.h"
#include "engine/server/sessions.h"

namespace espalier {

// The leases that agents are granted, as the Cluster says now. `resources` must outlive it.
LeaseTermsSource LeaseTermsOf(Resources& resources);

}  // namespace espalier
