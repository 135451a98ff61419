// The store that forgets: for tests, the simulation and trials. Same behaviour as the durable ones.
#pragma once

#include <memory>
#include <string>

#include "engine/store/store.h"

namespace espalier {

// An empty store at revision 0. `epoch` names its history; empty: a random one. Never fails to
// write.
std::unique_ptr<Store> MakeMemoryStore(std::string epoch = "");

}  // namespace espalier
