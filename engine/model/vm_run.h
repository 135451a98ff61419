// Runs of a Vm: what its status says of the one that is placed. Every run is (uid, attempt). Pure.
#pragma once

#include "espalier/v1/resource.pb.h"

namespace espalier {

// Its agent has reported the end of it.
bool IsTerminal(v1::VmObserved::Phase phase);

// The last report, if it is about the run that is placed; null otherwise. Lives as long as the Vm.
const v1::VmObserved* ReportOfRun(const v1::Resource& vm);

// Whether its agent has begun to start it: what was only to be pulled may still be started under
// another boot of the host. `report` may be null.
bool HasStarted(const v1::VmObserved* report);

// Whether the run may go on however long its host is silent, so that silence never proves its end:
// it is to be kept, or its agent has not said yet that it shall not be any more.
bool MayBeKept(const v1::Resource& vm);

// The run as one that is left and whose end its agent has to report yet. REQUIRES: it is placed.
v1::RetiringRun RetiringRunOf(const v1::Resource& vm);

}  // namespace espalier
