// Agent: one per Mac (or Linux host). A client of the engine like any other: it watches its own
// Host and the VMs placed there, makes the host so, and reports what it sees. It holds no truth of
// its own: what runs is known to the driver, what shall run to the engine, so stopping it at any
// moment, in whatever way, loses nothing.
//
//   lease thread:   beat ──▶ engine;  answer ──▶ renew all runs
//   loop thread:    watch, driver, images ──▶ Decide ──▶ stop, start, report
//   background:     clone a disk and start a machine, one after the other
#pragma once

#include <memory>

#include "engine/api/resources.h"
#include "engine/api/sessions.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "macagent/driver/driver.h"
#include "macagent/host_reconciler.h"
#include "macagent/image/store.h"
#include "macagent/ports.h"

namespace espalier::agent {

class Agent {
 public:
  // All borrowed; `images` must be stopped before the agent is destroyed, since it wakes the agent.
  // In the simulation they are its own; nothing here reads another clock, thread or disk.
  Agent(Clock& clock, Threads& threads, Random& random, Log& log, Resources& resources,
        Lease& lease, Driver& driver, ImageStore& images, Ports& ports, HostOptions options);
  // REQUIRES: Stop() was called if Start() was.
  ~Agent();

  // Begins to beat and to reconcile.
  void Start();
  // Ends beating and reconciling and waits for a start under way. VMs go on, until their lease
  // ends.
  void Stop();
  // Whether the engine knows the host. Thread-safe.
  bool IsRegistered() const;

 private:
  class Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace espalier::agent
