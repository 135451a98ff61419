// AgentWorld: an engine (LocalResources over a memory store, sessions) and one simulated host with
// its agent, on one thread and virtual time. For tests of the agent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/loop/loop.h"
#include "engine/server/local_resources.h"
#include "engine/server/sessions.h"
#include "engine/store/store.h"
#include "macagent/driver/sim.h"
#include "macagent/host_reconciler.h"
#include "macagent/lease_keeper.h"
#include "macagent/sim_images.h"
#include "tests/support/fake_clock.h"

namespace espalier::agent {

class AgentWorld {
 public:
  AgentWorld();
  ~AgentWorld();

  // The agent's process: its VMs, images and the engine outlive it.
  void StartAgent();
  void KillAgent();

  // Lets the agent (if there is one) and time work.
  void Run(absl::Duration duration);
  // Runs until the condition holds; false after five minutes.
  bool Eventually(const std::function<bool()>& condition);
  // While cut off nothing of the agent reaches the engine, nor the other way round.
  void CutOff(bool cut);

  // What a user and the Vm controller would do. `change` sees the object before it is stored.
  Resource Declare(const std::string& name, const std::function<void(Resource&)>& change = nullptr);
  void Place(const std::string& name, const std::function<void(v1::VmPlacement&)>& change);
  // Placed on this host at `attempt`.
  void PlaceHere(const std::string& name, std::int64_t attempt, const std::string& os = "darwin");
  void Delete(const std::string& name);
  // Its last word: the object goes away.
  void Finalize(const std::string& name);
  void AssignImage(const std::string& reference_with_digest);

  // NOT_FOUND ends the test's expectations early: an empty object then.
  Resource Get(const Ref& ref);
  v1::VmObserved Observed(const std::string& name);
  v1::HostObserved Host();

  FakeClock clock;
  Random random{5};
  SimHypervisor machine;
  SimImages images;
  VirtualPorts ports;

 private:
  class Faulty;
  struct Process;

  std::unique_ptr<Log> log_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<LocalResources> engine_;
  std::unique_ptr<SessionRegistry> sessions_;
  std::unique_ptr<Faulty> link_;
  std::unique_ptr<Process> process_;
};

// An image reference and its digest, as placements have them.
extern const char kTestDigest[];
extern const char kTestReference[];

}  // namespace espalier::agent
