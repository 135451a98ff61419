// Crash output: lines that core recognises and shows to its user after the failed command.
#pragma once

namespace espalier::provider {

// From now on a crash of this process prints "panic: ..." and the addresses of its stack to
// standard error before it ends. Once, before threads are started.
void ReportCrashesToCore();

}  // namespace espalier::provider
