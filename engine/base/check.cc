#include "engine/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace espalier {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "panic: %s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace espalier
