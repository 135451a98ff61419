#include "engine/model/vm_room.h"

namespace espalier {

bool TakesRoom(const v1::VmPlacement& placement) {
  if (placement.host().empty()) return false;
  switch (placement.phase()) {
    case v1::VmPlacement::STOPPED:
    case v1::VmPlacement::FAILED:
    case v1::VmPlacement::EXPIRED:
      return !placement.stop();
    default:
      return true;
  }
}

}  // namespace espalier
