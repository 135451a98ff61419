// A handful of threads that work through a list together. Any thread; the call blocks.
#pragma once

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/base/executor.h"

namespace espalier::oci {

// Calls `work(i)` once for each i below `count`, in order of i, on at most `width` threads at once;
// on the calling thread if one is enough. After the first error nothing new is begun; that error is
// returned when all have ended.
absl::Status ForEachInParallel(Threads& threads, int width, std::size_t count,
                               absl::FunctionRef<absl::Status(std::size_t)> work);

}  // namespace espalier::oci
