// What another process has used, as the kernel counts it. For benchmarks: a process that is not
// there ends the program.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "engine/base/io.h"

namespace espalier {

class ProcessUsage {
 public:
  ProcessUsage(Io& io, pid_t pid);

  // Processor time of all its threads so far, ended ones included, to the nanosecond.
  // /proc/PID/stat says it in steps of 10 ms, in which a short measurement is nothing.
  absl::Duration Processor() const;
  // The most memory it ever had resident (VmHWM).
  double PeakMib() const;
  // Whether it has ended, collected by its parent or not.
  bool HasEnded() const;

 private:
  std::string Proc(const std::string& file) const;

  Io& io_;
  const pid_t pid_;
};

}  // namespace espalier
