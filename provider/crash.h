// Crash output: lines that core recognises and shows to its user after the failed command.
#pragma once

#include <memory>

#include "engine/base/executor.h"

namespace espalier::provider {

// From now on a crash of this process prints "panic: ..." and the addresses of its stack to
// standard error before it ends. Once, before threads are started.
void ReportCrashesToCore();

// Threads that are the same, and whose crash is told also if it is an overflow of their stack.
std::unique_ptr<Threads> ReportingThreads(std::unique_ptr<Threads> threads);

}  // namespace espalier::provider
