// What a Host offers and what a Vm takes, as the scheduler counts them. Pure; internal to
// engine/sched and to who must count the same way.
#pragma once

#include <cstddef>
#include <string>

#include "engine/model/kind.h"
#include "engine/sched/sched.h"

namespace espalier::sched {

// What the host offers to VMs in all.
Room SizeOf(const Resource& host);
// macOS VMs that run there and are not the engine's.
int FoundMacos(const v1::HostObserved& observed);
// Why the host takes no VM at all, as a Reason; kReasons if it is open.
std::size_t ClosedBecause(const Resource& host);
// Whether a host of this system can run the image.
bool SystemFits(const Wish& wish, const std::string& host_os, const std::string& host_arch);

}  // namespace espalier::sched
