// The version of this product, as all its programs tell it. CMakeLists.txt names the same one.
#pragma once

namespace espalier {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace espalier
