// Housekeeping: what the engine does now and then and nobody waits for: forgetting old records. One
// thread; owned by the daemon.
#pragma once

#include <memory>

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/log.h"
#include "engine/server/local_resources.h"

namespace espalier {

class Housekeeping {
 public:
  // All must outlive it. Begins at once.
  Housekeeping(Clock& clock, Threads& threads, Log& log, LocalResources& resources);
  // REQUIRES: Stop() was called.
  ~Housekeeping();

  // Ends the thread and waits for it. Once.
  void Stop();

 private:
  void Run();

  Clock& clock_;
  Log& log_;
  LocalResources& resources_;
  Wakeup stop_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace espalier
