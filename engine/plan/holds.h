// Which holds there are, on what, and what has to be said with them. Pure.
#pragma once

#include <string>

#include "engine/model/kind.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

// What is wrong with a hold that shall be placed on an object of the kind; empty if nothing is. A
// hold that nothing heeds would only lull whoever placed it.
std::string WhyNoHold(const v1::HoldChange& change, Kind kind);

}  // namespace espalier
