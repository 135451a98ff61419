#include "tests/support/environment.h"

#include <cstdlib>

#include "absl/strings/numbers.h"

namespace espalier {

std::uint64_t NumberFromEnvironment(const char* name, std::uint64_t otherwise) {
  std::uint64_t number = 0;
  const char* text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

}  // namespace espalier
