#include "engine/model/size_text.h"

#include <cmath>

#include "absl/strings/str_format.h"

namespace espalier {

std::string SizeText(double bytes) {
  constexpr double kStep = 1024;
  constexpr const char* kUnits[] = {"B", "K", "M", "G", "T"};
  int unit = 0;
  while (bytes >= kStep && unit < 4) {
    bytes /= kStep;
    ++unit;
  }
  const bool whole = unit < 3 || bytes == std::floor(bytes);
  return absl::StrFormat("%.*f%s", whole ? 0 : 2, bytes, kUnits[unit]);
}

}  // namespace espalier
