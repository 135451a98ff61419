// Machine: a simulated Mac with its agent. The hypervisor and the images are the machine's own and
// outlive the agent; the agent can be killed (from then on nothing that it does has an effect) and
// started again, and its line to the engine can be cut.
#pragma once

#include <memory>
#include <string>

#include "engine/api/resources.h"
#include "engine/api/sessions.h"
#include "engine/base/log.h"
#include "macagent/agent.h"
#include "macagent/driver/sim.h"
#include "macagent/ports.h"
#include "macagent/sim_images.h"
#include "tests/sim/faulty_resources.h"
#include "tests/sim/world.h"

namespace espalier::sim {

// The driver as one life of an agent has it: dead with the agent.
class MortalDriver final : public agent::Driver {
 public:
  MortalDriver(World& world, agent::SimHypervisor& hypervisor, const Weather& weather);
  agent::Capacity GetCapacity() const override { return inner_->GetCapacity(); }
  absl::StatusOr<std::string> Prepare(const agent::RunSpec& spec) override;
  absl::Status Start(const agent::RunSpec& spec) override;
  absl::Status Stop(const agent::RunId& id, absl::Duration grace) override;
  absl::StatusOr<agent::Listing> List() override;
  absl::Status Renew(const agent::RunId& id, absl::Duration until) override;
  absl::Status SetFence(const agent::RunId& id, bool fence, absl::Duration until) override;
  absl::Status Forget(const agent::RunId& id) override;

 private:
  absl::Status Alive() const;
  World& world_;
  const Weather& weather_;
  std::unique_ptr<agent::Driver> inner_;
};

class Machine {
 public:
  // `lease` may change when the engine restarts; asked at every start of the agent.
  Machine(World& world, Log& log, Resources& engine, Lease& lease, std::string name,
          agent::SimOptions options);
  // REQUIRES: the agent does not live.
  ~Machine();

  const std::string& name() const { return name_; }
  agent::SimHypervisor& hypervisor() { return hypervisor_; }
  bool alive() const { return life_ != nullptr; }

  void StartAgent();
  // kill -9: its threads still have to be joined, but nothing they do arrives anywhere.
  void KillAgent();
  // The line's weather for the living agent.
  void SetWeather(const Weather& weather);
  bool cut() const { return weather_.cut; }

 private:
  struct Life;

  World& world_;
  Log& log_;
  Resources& engine_;
  Lease& lease_;
  const std::string name_;
  Random random_;
  agent::SimHypervisor hypervisor_;
  agent::SimImages images_;
  Weather weather_;
  std::unique_ptr<Life> life_;
};

}  // namespace espalier::sim
