// What whoever runs a test can say: numbers in the environment.
#pragma once

#include <cstdint>

namespace espalier {

// The number of that variable; `otherwise` if it is not set, or none.
std::uint64_t NumberFromEnvironment(const char* name, std::uint64_t otherwise);

}  // namespace espalier
