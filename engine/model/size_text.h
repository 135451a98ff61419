// Sizes as people read them in tables. Pure.
#pragma once

#include <string>

namespace espalier {

// "32G", "6.40G", "732K", "12B": whole numbers below gigabytes, and where they are exact.
std::string SizeText(double bytes);

}  // namespace espalier
