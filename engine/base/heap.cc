#include "engine/base/heap.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace espalier {

void LimitHeaps([[maybe_unused]] int most) {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, most);
#endif
}

void ReturnFreeMemory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace espalier
