// What a VM takes where it is. Pure.
#pragma once

#include "espalier/v1/vm.pb.h"

namespace espalier {

// Whether the current run takes room on placement.host: it was placed and has not ended for good
// (`stop` is set then). What is powered off is placed nowhere: its host keeps the disk, not room.
bool TakesRoom(const v1::VmPlacement& placement);

}  // namespace espalier
