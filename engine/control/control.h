// Control: all controllers of the engine, built and run together. The daemon and the simulation
// both use it. Two loops, so that each kind is held in memory as seldom as can be: one for what
// runs (hosts, VMs, pools, holds), one for images and caches.
#pragma once

#include <memory>
#include <vector>

#include "engine/api/resources.h"
#include "engine/api/sessions.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/control/image_book.h"

namespace espalier::control {

// All borrowed; they must outlive Control. `sessions` keeps wakeups of Control: no agent may beat
// after Control is destroyed.
struct ControlOptions {
  Clock& clock;
  Threads& threads;
  Random& random;
  Log& log;
  Resources& resources;
  Sessions& sessions;
  // How references of images are looked up: see MakeImageSource.
  ImageSource images;
};

class Control {
 public:
  explicit Control(ControlOptions options);
  // REQUIRES: Stop() was called if Start() was.
  ~Control();

  // Starts the threads. Once.
  void Start();
  // Ends them: what is under way is finished, nothing new begun. Waits.
  void Stop();

  // For tests with one thread: does what can be done now, without waiting; Elapsed() of when there
  // is more. REQUIRES: not started.
  absl::Duration Step();

  // Whether the scheduler's index says what one worked out anew from `objects` (all Hosts and Vms)
  // says; INTERNAL naming the difference. REQUIRES: no loop is in a step, and the views have
  // reached the revision of `objects`.
  absl::Status CheckIndex(const std::vector<Resource>& objects) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace espalier::control
