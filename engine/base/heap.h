// Heap: what a program tells the allocator about itself. Where the C library takes no advice (it is
// glibc's), nothing happens. Thread-safe.
#pragma once

namespace espalier {

// All threads share at most so many heaps. glibc else makes up to eight for each processor, each
// with pages that nobody uses and holes where one thread lets go what another has made.
// REQUIRES: there is one thread yet; most > 0.
void LimitHeaps(int most);

// Gives the system back what is free. Takes some milliseconds for each hundred megabytes, in which
// nobody else is given memory.
void ReturnFreeMemory();

}  // namespace espalier
